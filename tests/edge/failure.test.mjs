import { after, before, test } from "node:test";

import { failure } from "../contract/failure.mjs";
import { startWorker } from "../support/workerd.mjs";

let worker;

before(async () => {
  worker = await startWorker("tests/edge/failure.worker.mjs");
});

after(() => worker?.dispose());

for (const name of [...Object.keys(failure({})), "there are no workers here"]) {
  test(name, { timeout: 60_000 }, async () => {
    const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body: name });
    if (response.status !== 200) throw new Error(await response.text());
  });
}
