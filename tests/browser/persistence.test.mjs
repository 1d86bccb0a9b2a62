// IndexedDB in Chromium: versions, connections, durability, room.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { launch } from "../support/browser.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const fixture = JSON.parse(readFileSync(folder("../fixtures/schema-1.json"), "utf8"));
let server;
let browser;
let page;

before(async () => {
  server = await serve({ "/pkg/": folder("../../pkg"), "/contract/": folder("../contract"), "/": folder(".") });
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${server.url}/persistence.html`);
  await page.waitForFunction(() => globalThis.start !== undefined);
  await page.evaluate((fixture) => globalThis.start(fixture), fixture);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

// The names are those of persistence.mjs, which a page imports by its address.
const names = [...readFileSync(folder("persistence.mjs"), "utf8").matchAll(/^ {4}async "(.+)"\(\)/gm)].map(([, name]) => name);
for (const name of names) {
  test(name, { timeout: 120_000 }, async () => {
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

test("a full storage: the error is right, reading works, removing frees, ingest goes on", { timeout: 120_000 }, async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/persistence.html`);
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 4 * 2 ** 20 });
  const outcome = await page.evaluate(async () => {
    const { SmolRag } = await import("/pkg/web.js");
    const { fill } = await import("/persistence.mjs");
    try {
      return await fill({ SmolRag, name: "full" });
    } catch (error) {
      return { failed: String(error.stack ?? error) };
    }
  });
  if (outcome.failed) throw new Error(outcome.failed);
  console.log(JSON.stringify(outcome));
  await context.close();
});
