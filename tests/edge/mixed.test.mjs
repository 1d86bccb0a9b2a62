import { after, before, test } from "node:test";

import { startWorker } from "../support/workerd.mjs";

let worker;

before(async () => {
  worker = await startWorker("tests/edge/mixed.worker.mjs");
});

after(() => worker?.dispose());

test("ten thousand mixed calls at once, twice", async () => {
  const options = { seed: Number(process.env.SEED ?? Date.now() % 2 ** 32) };
  console.log(`seed ${options.seed}`);
  const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body: JSON.stringify(options) });
  const outcome = await response.text();
  if (response.status !== 200) throw new Error(outcome);
  console.log(outcome);
});
