import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { indexes } from "../contract/indexes.mjs";
import { providers } from "../contract/providers.mjs";
import { corpora } from "../support/corpora.mjs";
import { startOpenAIServer } from "../support/openai-server.mjs";
import { startWorker } from "../support/workerd.mjs";

let worker;
let models;

before(async () => {
  models = await startOpenAIServer();
  worker = await startWorker("tests/edge/contract.worker.mjs");
});

after(async () => {
  await worker?.dispose();
  await models?.close();
});

const documents = corpora();
// The names are the same here; the cases themselves run in the worker.
for (const name of Object.keys({ ...contract({ indexedDB: false, corpora: documents }), ...providers({}), ...indexes({}) })) {
  test(name, async () => {
    const body = JSON.stringify({ name, corpora: documents, url: models.url });
    const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body });
    const failure = await response.text();
    if (response.status !== 200) throw new Error(failure);
  });
}
