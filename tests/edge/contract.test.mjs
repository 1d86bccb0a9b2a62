import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { corpora } from "../support/corpora.mjs";
import { startWorker } from "../support/workerd.mjs";

let worker;

before(async () => {
  worker = await startWorker("tests/edge/contract.worker.mjs");
});

after(() => worker?.dispose());

const documents = corpora();
// The names are the same here; the cases themselves run in the worker.
for (const name of Object.keys(contract({ indexedDB: false, corpora: documents }))) {
  test(name, async () => {
    const body = JSON.stringify({ name, corpora: documents });
    const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body });
    const failure = await response.text();
    if (response.status !== 200) throw new Error(failure);
  });
}
