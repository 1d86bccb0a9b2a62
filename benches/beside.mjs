// The plain loop over 10,000 vectors of 384 components, to measure other things beside. In a thread of its own: where the memory of a wasm
// module has grown, V8 asks at every access to a typed array whether it is still there, and the loop takes a quarter longer.
import { once } from "node:events";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

import { clustered } from "./peers/data.mjs";
import { peers } from "./peers/vectors.mjs";

const VECTORS = 10_000, DIMENSIONS = 384, QUERIES = 7;

if (!isMainThread) {
  const { vectors, queries } = clustered(VECTORS, DIMENSIONS, QUERIES);
  const loop = peers["JS loop"].make();
  loop.build(Array.from({ length: VECTORS }, (_, i) => `${i}`), vectors);
  const times = () => queries.map((query) => {
    const started = performance.now();
    loop.search(query, 10);
    return performance.now() - started;
  });
  for (let i = 0; i < 10; i++) times();
  parentPort.on("message", () => parentPort.postMessage(times().sort((a, b) => a - b)[QUERIES >> 1]));
}

/** Starts the thread. `ms` gives the milliseconds that the loop takes now, the median of seven. */
export function plainLoop() {
  const thread = new Worker(new URL(import.meta.url));
  return {
    async ms() {
      thread.postMessage("");
      const [taken] = await once(thread, "message");
      return taken;
    },
    stop: () => thread.terminate(),
  };
}
