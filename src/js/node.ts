// The entry for Node.js.
import { Worker } from "node:worker_threads";

import { useHost } from "./host.js";
import { nodeHost } from "./host-node.js";
import type { Port } from "./rpc.js";

function startWorker(): Port {
  const worker = new Worker(new URL("./worker-node.js", import.meta.url));
  return {
    post: (message) => worker.postMessage(message),
    listen(receive, fail) {
      worker.on("message", receive);
      worker.on("error", (error) => fail(error.message));
      worker.on("exit", () => fail("the worker was ended"));
    },
    close: () => void worker.terminate(),
    // An open knowledge base that nobody waits for does not keep the process up.
    hold: (waiting) => (waiting ? worker.ref() : worker.unref()),
  };
}

useHost({ ...nodeHost, startWorker });

export * from "./index.js";
