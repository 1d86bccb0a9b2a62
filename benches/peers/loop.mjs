// The plain loop, in a thread of its own, of Node or of a browser: see beside.mjs.
import { peers } from "./vectors.mjs";

const port = globalThis.postMessage ? globalThis : (await import("worker_threads")).parentPort;
const loop = peers["JS loop"].make();

port.onmessage = ({ data: { ids, vectors, query, k } }) => {
  if (vectors) {
    // They are a copy already.
    loop.build(ids, { slice: () => vectors });
    return port.postMessage({});
  }
  const started = performance.now();
  const found = loop.search(query, k);
  port.postMessage({ found, ms: performance.now() - started });
};
