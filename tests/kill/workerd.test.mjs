import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { SmolRag } from "../../pkg/node.js";
import { startWorker } from "../support/workerd.mjs";
import { killing } from "./kill.mjs";

/** The workerd that this process has started. */
function workerd() {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
  const found = children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0].endsWith("workerd"));
  if (found.length !== 1) throw new Error(`${found.length} workerds run`);
  return Number(found[0]);
}

test("workerd is killed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "smolrag-killed-"));
  const start = async () => {
    const worker = await startWorker("tests/edge/storage.worker.mjs", {
      durableObjects: { STORE: { className: "Store", useSQLite: true } },
      durableObjectsPersist: folder,
    });
    return {
      async call(method, ...parameters) {
        const body = JSON.stringify({ method: "call", parameters: ["killed", method, parameters] });
        const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body });
        if (response.status !== 200) throw new Error(await response.text());
        return (await response.json()).value ?? undefined;
      },
      async kill() {
        process.kill(workerd(), "SIGKILL");
        await worker.dispose();
      },
      close: () => worker.dispose(),
    };
  };
  await killing({ start, fresh: () => SmolRag.open({ storage: "memory", embedder: "none" }) });
  await rm(folder, { recursive: true, force: true });
});
