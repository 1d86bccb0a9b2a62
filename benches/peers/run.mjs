// One table for each task: every peer in a process or a page of its own, Node and Chromium. `make bench-peers`
//
// Usage: node run.mjs [--hosts node,chromium] [--sets part of a name] [--peers name,…]
// Where `minilm.f32` (see minilm.py) lies in the cache folder, its vectors are searched too.
import { execFileSync, fork } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";
import { chromium } from "playwright-core";

import { chromium as executable } from "../../tools/browser.mjs";
import { serve } from "../../tools/serve.mjs";
import { passages } from "./passages.mjs";
import { peers as textPeers } from "./texts.mjs";
import { peers as vectorPeers } from "./vectors.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values } = parseArgs({ options: { hosts: { type: "string" }, sets: { type: "string" }, peers: { type: "string" } } });
const chosen = (list, name) => !list || list.split(",").includes(name);

const work = mkdtempSync(join(tmpdir(), "peers-"));
const wasm = {
  voy: join(here, "node_modules/voy-search/voy_search_bg.wasm"),
  edgevec: join(here, "node_modules/edgevec/edgevec_bg.wasm"),
};

const texts = passages(100_000);
const questions = texts.slice(0, 200).map((text) => text.split(" ").slice(3, 11).join(" "));
/** As many texts as are asked for: past those that there are, new ones of their halves. */
const corpus = (count) => Array.from({ length: count }, (_, i) => {
  if (i < texts.length) return texts[i];
  const [a, b] = [texts[i % texts.length], texts[Math.imul(i, 7919) % texts.length] ?? texts[0]];
  return `${a.slice(0, a.length / 2)} ${b.slice(b.length / 2)}`;
});

const minilm = join(process.env.SMOLRAG_CACHE ?? work, "minilm.f32");
const builtIn = join(work, "built-in.f32");
const sets = {
  "10,000 × 384, clustered": { count: 10_000, dimensions: 384, queries: 100 },
  "100,000 × 384, clustered": { count: 100_000, dimensions: 384, queries: 50 },
  "10,000 × 1,536, clustered": { count: 10_000, dimensions: 1536, queries: 50 },
  "passages, built-in table": { file: builtIn, dimensions: 128, queries: 100 },
  ...(existsSync(minilm) && { "passages, MiniLM": { file: minilm, dimensions: 384, queries: 100 } }),
  "1,000,000 × 384, clustered": { count: 1_000_000, dimensions: 384, queries: 20, only: ["smolrag"] },
  "1,000 texts": { texts: 1000 },
  "100,000 texts": { texts: 100_000 },
};

function inNode(task) {
  return new Promise((resolve) => {
    const child = fork(join(here, "node.mjs"), { execArgv: ["--expose-gc", "--max-old-space-size=12000"], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let [row, errors] = [undefined, ""];
    child.stderr.on("data", (part) => (errors += part));
    child.on("message", (message) => (row = message));
    child.on("exit", () => resolve(row ?? { peer: task.peer, failed: errors.trim().split("\n").find((line) => /Error|error/.test(line)) ?? "it ended" }));
    child.send({ ...task, wasm });
  });
}

async function chromiumHost() {
  // What is for Node alone.
  const empty = join(work, "empty.cjs");
  writeFileSync(empty, "module.exports = {};");
  const absent = ["usearch", "@electric-sql/pglite", "@electric-sql/pglite-pgvector", "fs", "path", "crypto", "module", "url", "worker_threads"];
  await build({
    entryPoints: ["measure.mjs", "loop.mjs"].map((name) => join(here, name)), bundle: true, format: "esm", outdir: work, platform: "browser", logLevel: "error",
    external: ["smolrag"], alias: Object.fromEntries(absent.map((name) => [name, empty])),
  });
  writeFileSync(join(work, "index.html"), `<!doctype html><meta charset="utf-8"><script type="importmap">{"imports":{"smolrag":"/pkg/web.js"}}</script>`);
  const server = await serve({ "/pkg/": join(here, "../../pkg"), "/peers/": join(here, "node_modules"), "/": work });
  const browser = await chromium.launch({
    executablePath: executable(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  });
  const run = async (task) => {
    const page = await browser.newPage();
    try {
      await page.goto(`${server.url}/index.html`);
      return await page.evaluate(async ({ task, paths }) => {
        const { measureVectors, measureTexts } = await import("/measure.js");
        const bytes = async (path) => (await fetch(path)).arrayBuffer();
        if (task.texts) return measureTexts(task);
        const assets = { voy: await bytes(paths.voy), edgevec: await bytes(paths.edgevec) };
        const set = { ...task.set, ...(task.set.file && { file: await bytes(`/${task.set.file.split("/").pop()}`) }) };
        return measureVectors({ peer: task.peer, set, assets, thread: new Worker("/loop.js", { type: "module" }) });
      }, { task, paths: { voy: "/peers/voy-search/voy_search_bg.wasm", edgevec: "/peers/edgevec/edgevec_bg.wasm" } });
    } catch (error) {
      return { peer: task.peer, failed: String(error.message).split("\n")[0] };
    } finally {
      await page.close();
    }
  };
  return { run, close: () => Promise.all([browser.close(), server.close()]) };
}

/** The vectors of as many passages as `minilm.f32` is of. */
function embedByTable() {
  const embed = ["run", "--quiet", "--release", "--package", "smolrag-benches", "--example", "embed", "--", join(here, "../../assets/embedding.bin")];
  writeFileSync(builtIn, execFileSync("cargo", embed, { cwd: here, input: texts.slice(0, 20_100).join("\n"), maxBuffer: 1e8 }));
}

const load = () => loadavg()[0].toFixed(1);

for (const host of ["node", "chromium"].filter((host) => chosen(values.hosts, host))) {
  const page = host === "chromium" ? await chromiumHost() : undefined;
  const run = page?.run ?? inNode;
  for (const [name, set] of Object.entries(sets).filter(([name]) => name.includes(values.sets ?? ""))) {
    if (set.file === builtIn && !existsSync(builtIn)) embedByTable();
    if (page && set.file === minilm) writeFileSync(join(work, "minilm.f32"), readFileSync(minilm));
    const [rows, before] = [[], load()];
    const all = set.texts ? textPeers : vectorPeers;
    for (const [peer, { most = Infinity, browser = true, node = true }] of Object.entries(all)) {
      if (!chosen(values.peers, peer) || !(page ? browser : node) || (set.count ?? 0) > most || !chosen(set.only?.join(), peer)) continue;
      const row = await run(set.texts ? { peer, texts: corpus(set.texts), queries: questions } : { peer, set });
      rows.push({ ...row, ...(row.failed && { failed: row.failed.slice(0, 70) }) });
    }
    console.log(`\n${host}: ${name} (load ${before} to ${load()})`);
    console.table(Object.fromEntries(rows.map(({ peer, ...row }) => [peer, row])));
  }
  await page?.close();
}
rmSync(work, { recursive: true });
