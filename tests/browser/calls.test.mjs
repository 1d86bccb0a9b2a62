// Failing instances, and the engine in a dedicated worker: the cases run in the page.
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { failure } from "../contract/failure.mjs";
import { worker } from "../contract/worker.mjs";
import { corpora } from "../support/corpora.mjs";
import { launch } from "../support/browser.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const documents = corpora();
let server;
let browser;
let page;

before(async () => {
  server = await serve({ "/pkg/": folder("../../pkg"), "/contract/": folder("../contract"), "/": folder(".") });
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${server.url}/calls.html`);
  await page.waitForFunction(() => globalThis.start !== undefined);
  await page.evaluate((documents) => globalThis.start(documents), documents);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test("ten thousand mixed calls at once, twice", async () => {
  const options = { seed: Number(process.env.SEED ?? Date.now() % 2 ** 32) };
  console.log(`seed ${options.seed}`);
  console.log(JSON.stringify(await page.evaluate((options) => globalThis.mixed(options), options)));
});

// The names are the same here.
const suites = { failure: failure({}), worker: worker({}), "in a worker": contract({ indexedDB: true, corpora: documents }) };
for (const [suite, cases] of Object.entries(suites)) {
  for (const name of Object.keys(cases)) {
    test(`${suite}: ${name}`, { timeout: 60_000 }, async () => {
      const failed = await page.evaluate(async ([suite, name]) => {
        try {
          await globalThis.suites[suite][name]();
        } catch (error) {
          return String(error.stack ?? error);
        }
      }, [suite, name]);
      if (failed) throw new Error(failed);
    });
  }
}
