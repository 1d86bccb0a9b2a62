// The script of the worker thread that `open({ worker: true })` starts in Node.
import { parentPort } from "node:worker_threads";

import "./host-node.js";
import { serve } from "./serve.js";

const port = parentPort!;
serve({
  post: (message) => port.postMessage(message),
  listen: (receive) => void port.on("message", receive),
  close: () => port.close(),
});
