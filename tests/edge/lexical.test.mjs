// In a Worker the embedding table is an optional import. Without it everything is found lexically.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startWorker } from "../support/workerd.mjs";

let worker;

before(async () => {
  worker = await startWorker("tests/edge/lexical.worker.mjs");
});

after(() => worker?.dispose());

test("answers in five modes without the embedding table", async () => {
  const response = await worker.dispatchFetch("http://localhost/");
  const found = await response.json();
  assert.equal(Object.keys(found).length, 5);
  for (const [mode, { text, references }] of Object.entries(found)) {
    assert.match(text, /1024/, mode);
    assert.ok(references > 0, mode);
  }
});
