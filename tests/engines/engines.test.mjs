// What the package promises, in each of the three browser engines: storage in IndexedDB, the contract, many calls at once.
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";

import { storageConformance } from "../../pkg/storage-conformance.js";
import { contract } from "../contract/contract.mjs";
import { corpora } from "../support/corpora.mjs";
import { launchEngine } from "../support/engines.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
const documents = corpora();
const storage = storageConformance(() => undefined).map(({ name }) => name);
// Chromium's contract and calls are in tests/browser, with what only it can show.
const suites = {
  chromium: { storage },
  firefox: { storage, contract: Object.keys(contract({ indexedDB: true, corpora: documents })), mixed: ["ten thousand mixed calls at once, twice"] },
};
suites.webkit = suites.firefox;

let server;
before(async () => {
  server = await serve({ "/pkg/": folder("../../pkg"), "/contract/": folder("../contract"), "/": folder(".") });
});
after(() => server?.close());

for (const [name, cases] of Object.entries(suites)) {
  describe(`${name} (seed ${seed})`, () => {
    let engine;
    let page;
    before(async () => {
      engine = await launchEngine(name);
      page = await engine.open(`${server.url}/page.html`);
      await page.evaluate(async (given) => {
        while (globalThis.start === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
        await globalThis.start(given);
      }, { corpora: documents, seed });
    });
    after(() => engine?.close());

    for (const [suite, names] of Object.entries(cases)) {
      for (const name of names) {
        test(`${suite}: ${name}`, { timeout: 300_000 }, async () => {
          const outcome = await page.evaluate(async ([suite, name]) => {
            try {
              return { value: await globalThis.suites[suite][name]() };
            } catch (error) {
              return { failed: `${error.code ?? ""} ${error.message}\n${error.stack ?? ""}` };
            }
          }, [suite, name]);
          if (outcome.failed) throw new Error(outcome.failed);
          if (outcome.value) console.log(JSON.stringify(outcome.value));
        });
      }
    }
  });
}
