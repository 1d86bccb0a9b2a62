// One measurement in a process of its own; started by run.mjs.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { measureTexts, measureVectors } from "./measure.mjs";

const memory = () => {
  global.gc();
  return process.memoryUsage.rss();
};

process.once("message", async ({ wasm, ...task }) => {
  const bytes = (path) => Uint8Array.from(readFileSync(path)).buffer;
  try {
    const row = task.texts
      ? await measureTexts({ ...task, memory })
      : await measureVectors({
        ...task, memory, thread: new Worker(new URL("./loop.mjs", import.meta.url)), assets: { voy: bytes(wasm.voy), edgevec: bytes(wasm.edgevec) },
        set: { ...task.set, ...(task.set.file && { file: bytes(task.set.file) }) },
      });
    process.send(row, () => process.exit());
  } catch (error) {
    process.send({ peer: task.peer, failed: String(error?.message ?? error).split("\n")[0] }, () => process.exit());
  }
});
