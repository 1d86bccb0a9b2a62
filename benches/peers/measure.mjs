// One peer, measured: in a Node process or a page of its own, with the plain loop before each of its queries, so that both meet the
// same conditions. Ratios of such a run count; its milliseconds are the machine's.
import { plainLoop } from "./beside.mjs";
import { clustered, split } from "./data.mjs";
import { peers as textPeers } from "./texts.mjs";
import { peers as vectorPeers } from "./vectors.mjs";

const K = 10;

const quantile = (times, share) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(share * times.length))];
const names = (count) => Array.from({ length: count }, (_, i) => `id${i}`);

async function timed(work) {
  const started = performance.now();
  const value = await work();
  return { value, ms: performance.now() - started };
}

const round = (value, digits = 2) => Number(value.toFixed(digits));

/** @param {{ peer: string, set: object, thread: Worker, assets?: object, memory?: () => number }} task `thread` runs loop.mjs */
export async function measureVectors({ peer, set, thread, assets = {}, memory = () => 0 }) {
  const { vectors, queries, dimensions } = set.file
    ? split(new Float32Array(set.file), set.dimensions, set.queries)
    : clustered(set.count, set.dimensions, set.queries);
  const ids = names(vectors.length / dimensions);
  const loop = await plainLoop(thread, ids, vectors);
  const subject = await vectorPeers[peer].make({ assets });
  const before = memory();
  // The least of three: the first one pays for fresh memory.
  const copies = [];
  for (let i = 0; i < 3; i++) copies.push((await timed(() => void new Float32Array(vectors.length).set(vectors))).ms);
  const build = await timed(() => subject.build(ids, vectors, dimensions));
  const took = memory() - before;
  for (const query of queries.slice(0, 10)) {
    await loop.search(query, K);
    await subject.search(query, K);
  }
  const [loopTimes, times] = [[], []];
  let hits = 0;
  for (const query of queries) {
    const truth = await loop.search(query, K);
    const found = await timed(() => subject.search(query, K));
    loopTimes.push(truth.ms);
    times.push(found.ms);
    hits += found.value.filter((id) => truth.found.includes(id)).length;
  }
  await loop.stop();
  const [p50, loop50] = [quantile(times, 0.5), quantile(loopTimes, 0.5)];
  return {
    peer, vectors: ids.length, dimensions, "build ms": round(build.ms, 0), "× copy": round(build.ms / quantile(copies, 0), 1),
    p50: round(p50, 3), p95: round(quantile(times, 0.95), 3), "loop p50": round(loop50, 1), "loop ÷ p50": round(loop50 / p50, 1),
    "recall@10": round(hits / (K * queries.length), 4), MB: round((subject.bytes?.() ?? took) / 1e6, 0),
  };
}

export async function measureTexts({ peer, texts, queries, memory = () => 0 }) {
  const subject = await textPeers[peer].make({});
  const reference = await textPeers.smolrag.make({});
  const before = memory();
  const build = await timed(() => subject.build(names(texts.length), texts));
  const took = memory() - before;
  reference.build(names(texts.length), texts);
  for (const query of queries.slice(0, 20)) await subject.search(query, K), await reference.search(query, K);
  const [times, own] = [[], []];
  for (const query of queries) {
    own.push((await timed(() => reference.search(query, K))).ms);
    times.push((await timed(() => subject.search(query, K))).ms);
  }
  const [p50, own50] = [quantile(times, 0.5), quantile(own, 0.5)];
  return {
    peer, texts: texts.length, "build ms": round(build.ms, 0), p50: round(p50, 3), p95: round(quantile(times, 0.95), 3),
    "smolrag p50 beside it": round(own50, 3), "p50 ÷ smolrag": round(p50 / own50, 2), MB: round(took / 1e6, 0),
  };
}
