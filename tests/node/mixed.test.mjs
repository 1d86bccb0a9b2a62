import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { wasmBytes } from "../contract/memory.mjs";
import { mixed } from "../contract/mixed.mjs";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");
const { SmolRag } = await import("../../pkg/node.js");

async function memory() {
  await new Promise((resolve) => setTimeout(resolve, 10));
  gc();
  return wasmBytes() + process.memoryUsage().heapUsed;
}

test("ten thousand mixed calls at once, twice", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
  console.log(`seed ${seed}`);
  console.log(JSON.stringify(await mixed({ open: (options) => SmolRag.open(options), memory }, { seed })));
});
