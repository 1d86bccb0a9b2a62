// The engine in a worker thread.
import { createRequire, syncBuiltinESMExports } from "node:module";
import { after, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { providers } from "../contract/providers.mjs";
import { worker } from "../contract/worker.mjs";
import { startOpenAIServer } from "../support/openai-server.mjs";

// Keeps hold of the last worker, to be able to end it.
const threads = createRequire(import.meta.url)("node:worker_threads");
let last;
threads.Worker = class extends threads.Worker {
  constructor(...parameters) {
    super(...parameters);
    last = this;
  }
};
syncBuiltinESMExports();
const pkg = await import("../../pkg/node.js");

const open = (options) => pkg.SmolRag.open({ ...options, worker: true });
const server = await startOpenAIServer();
after(() => server.close());
const cases = { ...contract({ open, pkg, indexedDB: false, corpora: {} }), ...providers({ open, pkg, url: server.url }), ...worker({ open, kill: () => last.terminate() }) };
for (const [name, run] of Object.entries(cases)) test(name, { timeout: 60_000 }, run);
