// Whether a change costs in proportion to its document and not to the knowledge base, one of 100 documents against one of
// 10,000 (`make bench-exchange`): the instructions of the fold alone, under Valgrind, whose bar is 1.5; and, to show what a user
// meets, the time that the package in pkg/ takes to ingest a document and to remove it. The time of the fold alone, which hangs
// on the processor's caches and has the same bar, is in `store.rs`.
import { execFileSync, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SmolRag } from "../pkg/node.js";
import { documents } from "./documents.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = execFileSync("cargo", ["build", "--release", "--package", "smolrag-benches", "--example", "exchange", "--message-format=json", "--quiet"], { cwd: root, maxBuffer: 1e9 });
const artifacts = built.toString().trim().split("\n").map((line) => JSON.parse(line));
const { executable } = artifacts.find(({ target, executable }) => target?.name === "exchange" && executable);

const sizes = [100, 10_000];
const counts = sizes.map((size) => {
  const options = ["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=exchange::exchange*", "--callgrind-out-file=/dev/null"];
  const { stderr, stdout, status } = spawnSync("valgrind", [...options, executable, String(size)], { encoding: "utf8" });
  const [, collected] = /Collected : (\d+)/.exec(stderr) ?? [];
  if (status !== 0 || !Number(collected)) throw new Error(stderr);
  console.log(`${size} documents: ${(collected / 20).toLocaleString("en")} instructions an exchange; ${stdout.trim()}`);
  return Number(collected);
});
console.log(`ratio: ${(counts[1] / counts[0]).toFixed(2)}`);

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];

const turns = 120;
const made = documents(10_000 + turns);
const knowledge = [];
for (const size of sizes) {
  const rag = await SmolRag.open({ storage: "memory" });
  const kept = made.slice(0, 10_000).filter((_, number) => number % (10_000 / size) === 0);
  for (let at = 0; at < size; at += 500) await rag.ingest(kept.slice(at, at + 500));
  knowledge.push(rag);
}
const times = sizes.map(() => []);
for (let turn = 0; turn < turns; turn++) {
  // Between the others, so that nothing is at the end of a list.
  const before = made[Math.floor(10_000 * (turn + 0.5) / turns)].source;
  const exchanged = { ...made[10_000 + turn], source: before.replace(".md", "-again.md") };
  for (const [at, rag] of knowledge.entries()) {
    const started = performance.now();
    await rag.ingest([exchanged]);
    await rag.remove(exchanged.source);
    times[at].push(performance.now() - started);
  }
}
for (const [at, size] of sizes.entries()) console.log(`${size} documents: ${median(times[at]).toFixed(2)} ms to ingest and remove one with the built-in models`);
console.log(`ratio: ${(median(times[1]) / median(times[0])).toFixed(2)}`);
for (const rag of knowledge) await rag.close();
