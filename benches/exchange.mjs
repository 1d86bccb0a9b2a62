// Whether a change costs in proportion to its document and not to the knowledge base, one of 100 documents against one of
// 10,000 (`make bench-exchange`). The bar is 1.5. Two measures: the instructions of the fold alone, under Valgrind, and the
// time that the package in pkg/ takes to ingest a document and to remove it. The time of the fold alone, which hangs on the
// processor's caches, is in `store.rs`.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { SmolRag } from "../pkg/node.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = execFileSync("cargo", ["bench", "--package", "smolrag-benches", "--bench", "exchange", "--no-run", "--message-format=json", "--quiet"], { cwd: root, maxBuffer: 1e9 });
const artifacts = built.toString().trim().split("\n").map((line) => JSON.parse(line));
const { executable } = artifacts.find(({ target, executable }) => target?.name === "exchange" && executable);

const counts = [100, 10_000].map((documents) => {
  const options = ["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=exchange::exchange*", "--callgrind-out-file=/dev/null"];
  const { stderr, stdout, status } = spawnSync("valgrind", [...options, executable, String(documents)], { encoding: "utf8" });
  const [, collected] = /Collected : (\d+)/.exec(stderr) ?? [];
  if (status !== 0 || !Number(collected)) throw new Error(stderr);
  console.log(`${documents} documents: ${(collected / 20).toLocaleString("en")} instructions an exchange; ${stdout.trim()}`);
  return Number(collected);
});
console.log(`ratio: ${(counts[1] / counts[0]).toFixed(2)}`);

const paragraphs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).sort()
  .flatMap((name) => readFileSync(join(root, "docs", name), "utf8").split("\n\n"))
  .filter((paragraph) => paragraph.length > 80 && !paragraph.includes("```"));
let state = 7;
const random = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
const document = (number, suffix = "") => ({
  source: `${String(number).padStart(5, "0")}${suffix}.md`,
  text: `# Note ${number}\n\n${Array.from({ length: 6 }, () => paragraphs[random(paragraphs.length)]).join("\n\n")}\n`,
});
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];

const sizes = [100, 10_000];
const all = Array.from({ length: 10_000 }, (_, number) => document(number));
const knowledge = [];
for (const size of sizes) {
  const rag = await SmolRag.open({ storage: "memory" });
  const documents = all.filter((_, number) => number % (10_000 / size) === 0);
  for (let at = 0; at < size; at += 500) await rag.ingest(documents.slice(at, at + 500));
  knowledge.push(rag);
}
const times = sizes.map(() => []);
for (let turn = 0; turn < 120; turn++) {
  // Between the others, so that nothing is at the end of a list.
  const exchanged = document(Math.floor(10_000 * (turn + 0.5) / 120), "-again");
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
