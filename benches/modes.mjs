// The five modes over SmolRAG's documents with models that answer at once, and how fast they are ingested: `make bench-modes`.
//
// The Python original, measured the same way, takes 0.9 ms for `standard`, 16 to 44 for the others, and 7.2 to 8.2 s for the 13 documents, on a machine
// on which the plain loop over 10,000 vectors takes 4.5 ms. Machines differ, and a shared one does by half from one second to the next. So the loop runs
// before and after all that is measured here, and times are told in loops as well: the original's ingest takes 1,600 to 1,820 of them, and 1 ms is 0.22.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { SmolRag } from "../pkg/node.js";
import { plainLoop } from "./peers/beside.mjs";
import { clustered } from "./peers/data.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(process.env.SMOLRAG_SHARED ?? join(root, "../shared"), "data/smolrag-docs");
if (!existsSync(folder)) {
  console.log(`bench-modes: there is no ${folder}; SMOLRAG_SHARED names the shared folder`);
  process.exit(0);
}
const documents = readdirSync(folder).filter((name) => name.endsWith(".md")).sort()
  .map((source) => ({ source, text: readFileSync(join(folder, source), "utf8") }));

const DIMENSIONS = 384;

/** Words of a text that are not all of it. */
const words = (text) => [...new Set(text.match(/\p{L}{5,}/gu) ?? [])];

/** A number from 0 to 1 that depends on the word alone. */
function hash(word, seed) {
  let state = 2166136261 ^ seed;
  for (let i = 0; i < word.length; i++) state = Math.imul(state ^ word.charCodeAt(i), 16777619);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/** Milliseconds that the models below have taken themselves. */
let inModels = 0;
const timed = (work) => async (input) => {
  const started = performance.now();
  const answer = work(input);
  inModels += performance.now() - started;
  return answer;
};

const embedder = {
  id: "hashes", dimensions: DIMENSIONS,
  embed: timed((texts) => texts.map((text) => {
    const sum = new Float32Array(DIMENSIONS);
    for (const word of words(text.toLowerCase())) for (let i = 0; i < 16; i++) sum[Math.floor(hash(word, i) * DIMENSIONS)] += hash(word, 99 + i) - 0.5;
    return sum;
  })),
};

/** Finds as many entities and relationships as the original's model did: about two and seven a passage. */
const llm = {
  id: "instant",
  complete: timed(({ system = "", prompt }) => {
    if (system.includes("knowledge graph from the passages")) {
      const passage = prompt.slice(prompt.indexOf("<passage"));
      const names = words(passage).filter((word) => hash(word, 7) < 0.5).slice(0, 10);
      const entities = names.map((name) => `("entity"<|>${name}<|>concept<|>${name} is spoken of here.)`);
      const relationships = names.flatMap((one, i) => names.slice(i + 1, i + 3).map((other) => `("relationship"<|>${one}<|>${other}<|>${one} goes with ${other}.<|>company<|>5)`));
      return [...entities, ...relationships, '("content_keywords"<|>company)'].join("+|+") + "<|COMPLETE|>";
    }
    if (system.includes("search terms")) {
      const asked = words(prompt).slice(-6);
      return `themes: ${asked.slice(0, 3).join(", ")}\nnames: ${asked.slice(3).join(", ")}`;
    }
    return "What the passage is about.";
  }),
};

const questions = [
  "How are documents split into overlapping excerpts?", "What does the vector store keep for each embedding?", "How are entities and relationships ranked?",
  "Which query type combines both approaches?", "How does the system notice changed documents?", "What limits the rate of requests to the model?",
  "Where is the knowledge graph stored?", "How can the server be deployed in production?", "What should be done when memory grows?", "How are summaries used for context?",
];

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
const settings = { storage: "memory", llm, embedder, limits: { llmPerSecond: 1e9, llmConcurrency: 64 }, cache: { entries: 0, bytes: 0 } };

const { vectors, queries } = clustered(10_000, DIMENSIONS, 7);
const ids = Array.from({ length: 10_000 }, (_, i) => `${i}`);
const loop = await plainLoop(new Worker(new URL("./peers/loop.mjs", import.meta.url)), ids, vectors);

/** Milliseconds that the plain loop takes now, the median of seven. */
async function beside() {
  const times = [];
  for (const query of queries) times.push((await loop.search(query, 10)).ms);
  return median(times);
}
for (let i = 0; i < 10; i++) await beside();

const ingests = [], models = [], loops = [], inLoops = [];
let rag;
for (let i = 0; i < 3; i++) {
  await rag?.close();
  rag = await SmolRag.open(settings);
  const before = await beside();
  inModels = 0;
  const started = performance.now();
  const { failed } = await rag.ingest(documents);
  const took = performance.now() - started;
  if (failed.length > 0) throw failed[0].error;
  ingests.push(took);
  models.push(inModels);
  loops.push((before + (await beside())) / 2);
  inLoops.push(took / loops.at(-1));
}
const { excerpts, entities, relationships } = rag.stats();
console.log(`${documents.length} documents: ${excerpts} excerpts, ${entities} entities, ${relationships} relationships`);
console.log(`ingest: ${median(ingests).toFixed(0)} ms (${ingests[0].toFixed(0)} the first time, while the host compiles), ${(1000 * documents.length / median(ingests)).toFixed(1)} documents a second; ${median(models).toFixed(0)} ms of it are the models' own`);
console.log(`that is ${median(inLoops).toFixed(1)} plain loops of ${median(loops).toFixed(2)} ms`);

const rows = {};
for (const mode of ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"]) {
  const times = [], own = [], before = await beside();
  for (let i = 0; i < 12; i++) {
    for (const question of questions) {
      inModels = 0;
      const started = performance.now();
      await rag.retrieve(question, { mode });
      if (i < 2) continue;
      times.push(performance.now() - started);
      own.push(inModels);
    }
  }
  const around = (before + (await beside())) / 2;
  times.sort((a, b) => a - b);
  const p50 = median(times);
  rows[mode] = {
    "p50 ms": Number(p50.toFixed(3)), "p95 ms": Number(times[Math.floor(0.95 * times.length)].toFixed(3)), "models' own p50": Number(median(own).toFixed(3)),
    "p50 in loops": Number((p50 / around).toFixed(3)), "loop ms": Number(around.toFixed(2)),
  };
}
console.table(rows);
await rag.close();
await loop.stop();
