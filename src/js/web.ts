// The entry for browsers: page, dedicated worker, extension, bundled or not.
import { useHost } from "./host.js";
import { webHost } from "./host-web.js";
import type { Port } from "./rpc.js";

/**
 * A worker of its own. One that is killed tells nobody; but it holds a lock from its first message on, and who waits for
 * that lock learns of its end.
 */
function startWorker(): Port {
  // Written out, this is what bundlers recognise as a worker.
  const worker = new Worker(new URL("./worker-web.js", import.meta.url), { type: "module" });
  const closed = new AbortController();
  const watch = (lock: string, fail: (reason: string) => void): void => {
    navigator.locks.request(lock, { signal: closed.signal }, () => fail("the worker was ended")).catch(() => undefined);
  };
  return {
    post: (message) => worker.postMessage(message),
    listen(receive, fail) {
      worker.addEventListener("message", ({ data }: MessageEvent<{ lock?: string }>) => {
        if (data.lock === undefined) receive(data);
        else watch(data.lock, fail);
      });
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        fail(event.message || "its script could not be loaded");
      });
    },
    close() {
      closed.abort();
      worker.terminate();
    },
  };
}

useHost({ ...webHost, startWorker });

export * from "./index.js";
