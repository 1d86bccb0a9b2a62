// Measures in Chromium how long opening takes for 1,000 and 10,000 documents, against reading the same bytes with one raw `getAll`
// in the same run, and how much memory it takes. Documents are made of paragraphs of the project's own documentation.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch } from "../tests/support/browser.mjs";
import { serve } from "../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const docs = folder("../docs");
const paragraphs = readdirSync(docs).filter((file) => file.endsWith(".md")).sort()
  .flatMap((file) => readFileSync(join(docs, file), "utf8").split("\n\n"))
  .filter((paragraph) => paragraph.length > 80 && !paragraph.includes("```"));

function made(count) {
  let state = 7;
  const random = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  return Array.from({ length: count }, (_, at) => ({
    source: `${String(at).padStart(5, "0")}.md`,
    text: `# Note ${at}\n\n${Array.from({ length: 6 }, () => paragraphs[random(paragraphs.length)]).join("\n\n")}\n`,
  }));
}

const server = await serve({ "/pkg/": folder("../pkg"), "/contract/": folder("../tests/contract"), "/": folder(".") });
const browser = await launch();
try {
  for (const count of process.argv.slice(2).map(Number).concat(process.argv.length > 2 ? [] : [1000, 10_000])) {
    const page = await browser.newPage();
    await page.goto(`${server.url}/open.html`);
    await page.waitForFunction(() => globalThis.measure !== undefined);
    console.log(JSON.stringify(await page.evaluate((given) => globalThis.measure(given), { documents: made(count), rounds: 5 })));
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
