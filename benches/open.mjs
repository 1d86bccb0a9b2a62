// Measures how long opening takes for 1,000 and 10,000 documents, and how much memory: in Chromium against reading the same bytes with one raw
// `getAll` in the same run, in Node against `readFile` of the same files. Documents are made of paragraphs of the project's own documentation.
// `HOSTS=node` or `HOSTS=chromium` measures one of both.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch } from "../tests/support/browser.mjs";
import { serve } from "../tools/serve.mjs";
import { documents as made } from "./documents.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1000, 10_000];
const rounds = 5;
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];

async function timed(work) {
  const begun = performance.now();
  const result = await work();
  return [performance.now() - begun, result];
}

async function files(documents) {
  const { SmolRag } = await import("../pkg/node.js");
  const { fileStorage } = await import("../pkg/file-storage.js");
  const directory = mkdtempSync(join(tmpdir(), "open-"));
  try {
    const open = () => SmolRag.open({ storage: fileStorage(directory) });
    const rag = await open();
    for (let at = 0; at < documents.length; at += 500) await rag.ingest(documents.slice(at, at + 500));
    await rag.close();
    const [raws, opens] = [[], []];
    let stored;
    for (let round = 0; round < rounds; round += 1) {
      const paths = readdirSync(directory, { recursive: true }).filter((path) => path.endsWith(".commit"));
      const [rawTime, sizes] = await timed(async () => {
        const read = [];
        for (const path of paths) read.push((await readFile(join(directory, path))).length);
        return read;
      });
      stored = sizes.reduce((sum, size) => sum + size, 0);
      const [openTime, opened] = await timed(open);
      raws.push(rawTime);
      opens.push(openTime);
      await opened.close();
    }
    const [raw, opening] = [median(raws), median(opens)];
    return { host: "node, files", documents: documents.length, stored, raw: Math.round(raw), open: Math.round(opening), ratio: +(opening / raw).toFixed(2) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function chromium() {
  const server = await serve({ "/pkg/": folder("../pkg"), "/contract/": folder("../tests/contract"), "/": folder(".") });
  const browser = await launch();
  try {
    for (const count of counts) {
      const page = await browser.newPage();
      await page.goto(`${server.url}/open.html`);
      await page.waitForFunction(() => globalThis.measure !== undefined);
      console.log(JSON.stringify({ host: "chromium", ...(await page.evaluate((given) => globalThis.measure(given), { documents: made(count), rounds })) }));
      await page.close();
    }
  } finally {
    await browser.close();
    await server.close();
  }
}

const hosts = (process.env.HOSTS ?? "node,chromium").split(",");
if (hosts.includes("node")) for (const count of counts) console.log(JSON.stringify(await files(made(count))));
if (hosts.includes("chromium")) await chromium();
