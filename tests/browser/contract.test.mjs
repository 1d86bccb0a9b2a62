import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
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
  await page.goto(`${server.url}/contract.html`);
  await page.waitForFunction(() => globalThis.start !== undefined);
  await page.evaluate((documents) => globalThis.start(documents), documents);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

// The names are the same here; the cases themselves run in the page.
for (const name of Object.keys(contract({ indexedDB: true, corpora: documents }))) {
  test(name, async () => {
    const failure = await page.evaluate(async (name) => {
      try {
        await globalThis.cases[name]();
      } catch (error) {
        return String(error.stack ?? error);
      }
    }, name);
    if (failure) throw new Error(failure);
  });
}
