// Four tabs of one browser ingest, update and remove fifty overlapping sources at once: all come to hold what was committed,
// without being opened again. SEEDS says how many times, SEED where to begin.
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";

import { engines, launchEngine } from "../support/engines.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const seed = Number(process.env.SEED ?? Date.now() % 1e6);
const seeds = Array.from({ length: Number(process.env.SEEDS ?? 2) }, (_, at) => seed + at);
const tabs = 4;

let server;
before(async () => {
  server = await serve({ "/pkg/": folder("../../pkg"), "/contract/": folder("../contract"), "/": folder(".") });
});
after(() => server?.close());

for (const name of engines) {
  describe(name, () => {
    let engine;
    const pages = [];
    before(async () => {
      engine = await launchEngine(name);
      for (let tab = 0; tab < tabs; tab += 1) pages.push(await engine.open(`${server.url}/tabs.html`));
      for (const page of pages) {
        await page.evaluate(async () => {
          while (globalThis.tab === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
        });
      }
    });
    after(() => engine?.close());
    const all = (step, argument) => Promise.all(pages.map((page, tab) => page.evaluate(
      ([step, argument]) => globalThis.tab[step](argument), [step, { ...argument, tab }],
    )));

    for (const seed of seeds) {
      test(`seed ${seed}`, { timeout: 300_000 }, async () => {
        await all("open", { name: `tabs-${seed}-${Date.now()}` });
        const last = await all("work", { seed });
        const epoch = Math.max(...await all("epoch"));
        await all("follows", { epoch });
        const shown = await all("shown");
        const { stored, expected } = await pages[0].evaluate(() => globalThis.tab.oracle());
        for (const [tab, state] of shown.entries()) {
          if (state !== expected) throw new Error(`tab ${tab} does not hold what a fresh ingest of the documents gives`);
        }
        // What was done last with a source was the last that some tab did with it.
        for (const source of Object.keys(last[0])) {
          const outcomes = last.map((done) => done[source]);
          if (!outcomes.includes(stored[source] ?? null)) throw new Error(`${source} is not as any tab left it`);
        }
        const remote = await all("remoteCommits");
        if (remote.some((count) => count === 0)) throw new Error(`remote-commit was told ${remote} times`);
        await all("close");
      });
    }
  });
}
