/**
 * The plain loop, to measure other things beside, in the thread that loop.mjs was started in. Where the memory of a wasm module has grown, V8
 * asks at every access to a typed array whether it is still there, and a loop beside it takes up to a third longer than it should.
 */
export async function plainLoop(thread, ids, vectors) {
  const ask = (message) => new Promise((resolve) => {
    if (thread.once) thread.once("message", resolve);
    else thread.addEventListener("message", ({ data }) => resolve(data), { once: true });
    thread.postMessage(message);
  });
  // Copied: memory that is handed over is gone from here, and V8 asks from then on as well.
  await ask({ ids, vectors });
  return {
    /** What is nearest, and the milliseconds that finding it took in the thread. */
    search: (query, k) => ask({ query, k }),
    stop: () => thread.terminate(),
  };
}
