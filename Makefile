# The two commands are `make demo` and `make test`. Each installs what it needs and says so.
.PHONY: demo worker test package eval miri bench bench-exchange bench-calls kill ready lint format clean bench-open tabs bench-modes bench-peers
env := tools/env

demo: ## build everything and serve the web application on localhost
	tools/setup build
	$(env) node tools/build.mjs
	$(env) node tools/serve.mjs

worker: ## build everything and serve examples/worker in local workerd: make worker PORT=8787 TOKEN=… LIMIT=10
	tools/setup build
	$(env) node tools/build.mjs
	PORT=$(PORT) TOKEN=$(TOKEN) LIMIT=$(LIMIT) $(env) node tools/worker.mjs

test: ## build and run every test
	tools/setup test
	$(env) node tools/build.mjs
	$(env) node tests/run.mjs

package: ## leave the finished npm package in pkg/
	tools/setup build
	$(env) node tools/build.mjs

eval: package ## measure retrieval quality
	$(env) node tools/eval.mjs

bench: ## measure the core's speed (Criterion)
	tools/setup build
	$(env) cargo bench --package smolrag-benches

bench-exchange: package ## compare what exchanging a document costs in a small and in a large knowledge base (Valgrind, and the built package)
	tools/setup build
	$(env) node benches/exchange.mjs

bench-calls: package ## measure concurrent calls in Chromium, on the page and in a worker
	tools/setup test
	$(env) node benches/calls.mjs

bench-open: package ## measure opening 1,000 and 10,000 documents, in Chromium and in Node, against reading their bytes
	tools/setup test
	$(env) node benches/open.mjs

tabs: package ## four tabs at once in each browser engine, 20 times
	tools/setup test
	SEEDS=20 $(env) node --test tests/engines/tabs.test.mjs

kill: package ## kill each host 200 times while it writes, and look at what is there
	tools/setup test
	KILLS=200 $(env) node --test tests/kill/

bench-modes: package ## measure the five modes and ingest with models that answer at once
	$(env) node benches/modes.mjs

bench-peers: package ## measure other packages beside ours, in Node and Chromium; HOSTS, SETS and PEERS choose
	tools/setup test
	cd benches/peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(env) node benches/peers/run.mjs $(if $(HOSTS),--hosts "$(HOSTS)") $(if $(SETS),--sets "$(SETS)") $(if $(PEERS),--peers "$(PEERS)")

miri: ## run the core's unit tests under Miri, which looks for undefined behaviour; needs a nightly toolchain of rustup
	rustup component add --toolchain nightly miri rust-src
	CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-/tmp/smolrag-miri} PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation \
		cargo +nightly miri test --lib --package smolrag --package smolrag-kernels

ready: format lint test ## before a commit

format:
	$(env) cargo fmt

lint:
	$(env) cargo clippy --quiet --all-targets -- -D warnings
	$(env) cargo clippy --quiet --lib --target wasm32-unknown-unknown -- -D warnings

clean:
	rm -rf pkg
