// A knowledge base over several objects finds what one object finds.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { SmolRag } from "../../pkg/node.js";
import { shardOf } from "../../pkg/worker/rendezvous.js";
import { serveWorker } from "../../tools/worker.mjs";
import { corpora } from "../support/corpora.mjs";

const MODES = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
const { "smolrag-docs": smolrag, docs } = corpora();
const documents = smolrag ?? docs;
const questions = ["How are documents split into excerpts?", "How does the knowledge graph relate entities?", "Which query types are there, and when is each one used?", "What is kept in the cache of embeddings?"];

async function start(bindings) {
  const state = await mkdtemp(join(tmpdir(), "smolrag-objects-"));
  const worker = await serveWorker({ entry: fileURLToPath(new URL("sharded.worker.mjs", import.meta.url)), state, bindings });
  const close = async () => {
    await worker.close();
    await rm(state, { recursive: true, force: true });
  };
  return { url: worker.url, close };
}

let worker;
before(async () => {
  worker = await start({});
});
after(() => worker?.close());

const ask = async (name, count, method, parameters = [], options = {}, url = worker.url) => {
  const response = await fetch(url, { method: "POST", body: JSON.stringify({ name, count, options, method, parameters }), headers: { connection: "close" } });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method}: ${answer.code} ${answer.message} ${answer.stack}`);
  return method === "apart" ? answer : answer.value;
};

/** What of a result is to be the same: which things, and in which order. */
const order = ({ excerpts, entities, relationships }) => ({
  excerpts: excerpts.map(({ id, source }) => `${source} ${id}`),
  entities: entities.map(({ name, rank }) => `${name} ${rank}`),
  relationships: relationships.map(({ source, target, weight, rank }) => `${source} ${target} ${weight} ${rank}`),
});

async function opened(some, models) {
  const rag = await SmolRag.open({ storage: "memory", ...models });
  if (some.length > 0) assert.deepEqual((await rag.ingest(some)).failed, []);
  return rag;
}

/** One knowledge base, and the same documents apart, as the objects have them. */
async function reference(all, count, models = {}) {
  const parts = Array.from({ length: count }, (_, shard) => all.filter(({ source }) => shardOf(source, count) === shard));
  const [whole, ...apart] = await Promise.all([all, ...parts].map((some) => opened(some, models)));
  return {
    /** By its own statistics. */
    plain: (question, options) => whole.retrieve(question, options),
    /** By the sum of the parts' statistics. */
    async assuming(question, options, { high, low }) {
      const rag = await opened(all, models);
      const sums = {};
      for (const part of apart) {
        for (const [kind, { count, length, frequencies }] of Object.entries(await part.statistics([question, ...high, ...low]))) {
          const sum = (sums[kind] ??= { count: 0, length: 0, frequencies: {} });
          sum.count += count;
          sum.length += length;
          for (const [term, entries] of frequencies) sum.frequencies[term] = (sum.frequencies[term] ?? 0) + entries;
        }
      }
      for (const sum of Object.values(sums)) sum.frequencies = Object.entries(sum.frequencies);
      await rag.assume(sums);
      const found = await rag.retrieve(question, options);
      await rag.close();
      return found;
    },
    close: () => Promise.all([whole, ...apart].map((rag) => rag.close())),
  };
}

for (const count of [1, 2, 5]) {
  test(`over ${count} objects SmolRAG's documents give what they give in one`, async () => {
    const report = await ask("smolrag", count, "ingest", [documents]);
    assert.equal(report.ingested.length, documents.length);
    assert.deepEqual((await ask("smolrag", count, "documents")).map(({ source }) => source), documents.map(({ source }) => source).sort());
    const apart = await ask("smolrag", count, "apart");
    assert.equal(apart.length, count);
    for (const [shard, { value }] of apart.entries()) assert.ok(value.every(({ source }) => shardOf(source, count) === shard));

    const one = await reference(documents, count);
    let [same, all] = [0, 0];
    for (const question of questions) {
      for (const mode of MODES) {
        const found = await ask("smolrag", count, "retrieve", [question, { mode }]);
        const plain = await one.plain(question, { mode });
        assert.deepEqual(order(found), order(await one.assuming(question, { mode }, plain.keywords)), `${mode}: ${question}`);
        if (mode === "standard") assert.deepEqual(order(found), order(plain), `${mode}: ${question}`);
        all += 1;
        try {
          assert.deepEqual(order(found), order(plain));
          same += 1;
        } catch { /* Counted. */ }
      }
    }
    console.log(`${same} of ${all} the same as by the statistics of one object`);
    const answer = await ask("smolrag", count, "query", [questions[0], { mode: "mix" }]);
    assert.ok(answer.references.length > 0);
    await one.close();
  });
}

test("what bears on a question is gathered, and not all documents", async () => {
  // Without vectors, by which everything is a little like everything.
  const lexical = await start({ LEXICAL: true });
  try {
    const many = Array.from({ length: 300 }, (_, index) => ({
      source: `${index}.md`,
      text: `# Lot${index}\n\nKept with word${index % 40} beside word${(index * 7) % 40}${" and more".repeat(index % 5)}.`,
    }));
    const question = (method, parameters, options) => ask("lots", 3, method, parameters, options, lexical.url);
    await question("ingest", [many]);
    const one = await reference(many, 3, { embedder: "none" });
    for (const text of ["Which is kept with word7?", "word3 or word9", "What is beside lot17?"]) {
      const options = { mode: "standard", topK: 5 };
      const found = await question("retrieve", [text, options], { documents: 20 });
      assert.ok(found.excerpts.length > 0);
      assert.deepEqual(order(found), order(await one.plain(text, options)), text);
    }
    await one.close();
    assert.equal(await question("remove", ["111.md"]), true);
    assert.equal(await question("remove", ["111.md"]), false);
    assert.equal((await question("documents")).length, 299);
  } finally {
    await lexical.close();
  }
});

test("shards that were embedded again answer by what was made then", async () => {
  const some = Array.from({ length: 8 }, (_, index) => ({ source: `${index}.md`, text: `# Lot ${index}\n\nLot ${index} is kept since ${1700 + index}.` }));
  await ask("again", 2, "ingest", [some]);
  await ask("again", 2, "reembed", ["none"]);
  const one = await reference(some, 2, { embedder: "none" });
  const found = await ask("again", 2, "retrieve", ["Since when is lot 3 kept?", { mode: "standard" }], { open: { embedder: "none" } });
  assert.equal(found.excerpts[0].source, "3.md");
  assert.deepEqual(order(found), order(await one.plain("Since when is lot 3 kept?", { mode: "standard" })));
  await one.close();
});

test("a shard that comes later gets its share", async () => {
  const some = Array.from({ length: 12 }, (_, index) => ({ source: `${index}.md`, text: `# Lot ${index}\n\nLot ${index} is kept since ${1700 + index}.`, metadata: { index } }));
  // Three objects, of which the third comes later.
  await ask("grows", 3, "ingest", [some], { first: 2 });
  assert.deepEqual((await ask("grows", 3, "apart")).map(({ value }) => value.length > 0), [true, true, false]);
  const due = some.map(({ source }) => source).filter((source) => shardOf(source, 3) === 2).sort();
  assert.ok(due.length > 0);
  assert.deepEqual((await ask("grows", 3, "rebalance")).sort(), due);
  assert.deepEqual((await ask("grows", 3, "apart"))[2].value.map(({ source }) => source), due);
  const all = await ask("grows", 3, "documents");
  assert.deepEqual(all.map(({ source, metadata }) => `${source} ${metadata.index}`).sort(), some.map(({ source }, index) => `${source} ${index}`).sort());
  assert.deepEqual(await ask("grows", 3, "rebalance"), []);
});

test("one shard more takes its share and moves nothing else", () => {
  const sources = Array.from({ length: 10_000 }, (_, index) => `folder/${index}.md`);
  for (const shards of [1, 2, 5, 16]) {
    const before = sources.map((source) => shardOf(source, shards));
    const behind = sources.map((source) => shardOf(source, shards + 1));
    for (const [index, shard] of behind.entries()) assert.ok(shard === before[index] || shard === shards);
    const sizes = Array.from({ length: shards + 1 }, (_, shard) => behind.filter((found) => found === shard).length);
    // Within six standard deviations of an even share.
    const [share, deviation] = [10_000 / (shards + 1), Math.sqrt((10_000 / (shards + 1)) * (1 - 1 / (shards + 1)))];
    for (const size of sizes) assert.ok(Math.abs(size - share) < 6 * deviation, `${size} of ${shards + 1}`);
  }
});
