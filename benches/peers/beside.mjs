/**
 * The plain loop, to measure other things beside, in the thread that loop.mjs was started in. Where the memory of a wasm module has grown, V8
 * asks at every access to a typed array whether it is still there, and a loop beside it takes up to a third longer than it should.
 */
export async function plainLoop(thread, ids, vectors) {
  const next = (event) => new Promise((resolve) => {
    if (thread.once) thread.once(event, resolve);
    else thread.addEventListener(event, resolve, { once: true });
  });
  const failed = next("error").then((error) => Promise.reject(error));
  const ask = async (message) => {
    const answer = next("message");
    thread.postMessage(message);
    const told = await Promise.race([answer, failed]);
    return told.data ?? told;
  };
  // Copied: memory that is handed over is gone from here, and V8 asks from then on as well.
  await ask({ ids, vectors });
  return {
    /** What is nearest, and the milliseconds that finding it took in the thread. */
    search: (query, k) => ask({ query, k }),
    stop: () => thread.terminate(),
  };
}
