// Measures concurrent calls in Chromium, the engine on the page and in a worker: `make bench-calls`.
import { fileURLToPath } from "node:url";

import { corpora } from "../tests/support/corpora.mjs";
import { launch } from "../tests/support/browser.mjs";
import { serve } from "../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const server = await serve({ "/pkg/": folder("../pkg"), "/benches/": folder(".") });
const browser = await launch();
const corpus = corpora().docs;
const sizes = (process.env.MEGABYTES ?? "1,8").split(",").map(Number);
const only = process.argv.slice(2);
for (const scenario of ["during", "slowModel", "builtIn"]) {
  if (only.length > 0 && !only.includes(scenario)) continue;
  for (const worker of [false, true]) {
    const page = await browser.newPage();
    await page.goto(`${server.url}/benches/calls.html`);
    await page.waitForFunction(() => globalThis.run !== undefined);
    console.log(`\n${scenario}, ${worker ? "in a worker" : "on the page"}`);
    console.table(await page.evaluate(([scenario, options]) => globalThis.run(scenario, options), [scenario, { corpus, worker, sizes }]));
    await page.close();
  }
}
await browser.close();
await server.close();
