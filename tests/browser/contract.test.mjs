import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { contract } from "../contract/contract.mjs";
import { indexes } from "../contract/indexes.mjs";
import { providers } from "../contract/providers.mjs";
import { corpora } from "../support/corpora.mjs";
import { launch } from "../support/browser.mjs";
import { startOpenAIServer } from "../support/openai-server.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const documents = corpora();
let server;
let models;
let browser;
let page;

before(async () => {
  server = await serve({ "/pkg/": folder("../../pkg"), "/contract/": folder("../contract"), "/": folder(".") });
  models = await startOpenAIServer();
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${server.url}/contract.html`);
  await page.waitForFunction(() => globalThis.start !== undefined);
  await page.evaluate(([documents, url]) => globalThis.start(documents, url), [documents, models.url]);
});

after(async () => {
  await browser?.close();
  await models?.close();
  await server?.close();
});

// The names are the same here; the cases themselves run in the page.
for (const name of Object.keys({ ...contract({ indexedDB: true, corpora: documents }), ...providers({}), ...indexes({}) })) {
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
