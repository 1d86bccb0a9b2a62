import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { startWorker } from "../support/workerd.mjs";

let worker;

before(async () => {
  worker = await startWorker("tests/edge/contract.worker.mjs");
});

after(() => worker?.dispose());

for (const name of Object.keys(contract({ indexedDB: false }))) {
  test(name, async () => {
    const response = await worker.dispatchFetch(`http://localhost/?case=${encodeURIComponent(name)}`);
    const failure = await response.text();
    if (response.status !== 200) throw new Error(failure);
  });
}
