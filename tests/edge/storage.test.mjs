// Storage in a Durable Object's SQLite database, in a real workerd, over restarts of it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { storageConformance } from "../../pkg/storage-conformance.js";
import { startWorker } from "../support/workerd.mjs";

let folder;
let worker;

const start = async () => {
  worker = await startWorker("tests/edge/storage.worker.mjs", {
    durableObjects: { STORE: { className: "Store", useSQLite: true } },
    durableObjectsPersist: folder,
  });
};

const ask = async (method, ...parameters) => {
  const response = await worker.dispatchFetch("http://localhost/", { method: "POST", body: JSON.stringify({ method, parameters }) });
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()).value;
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "smolrag-objects-"));
  await start();
});

after(async () => {
  await worker?.dispose();
  await rm(folder, { recursive: true, force: true });
});

for (const { name } of storageConformance(() => undefined)) test(name, () => ask("conformance", name));

test("a knowledge base outlives workerd", async () => {
  const call = (method, ...parameters) => ask("call", "handbook", method, parameters);
  const sources = Array.from({ length: 12 }, (_, i) => `${i}.md`);
  // The longest text makes a record of several parts.
  const textOf = (source) => `# ${source}\n\nThe **request queue** of ${source} holds 1024 calls.\n\n${"More words of it. ".repeat(source === "3.md" ? 150_000 : 3)}`;
  await call("ingest", sources.map((source) => ({ source, text: textOf(source) })));
  await call("remove", "7.md");
  const before = { documents: await call("documents"), graph: await call("graph") };
  assert.equal(before.documents.length, 11);
  const [[parts, longest]] = await ask("sql", "SELECT max(part) + 1, max(length(name || tab || key) + length(bytes)) FROM smolrag_rows");
  assert.ok(parts > 1, "no value is of several parts");
  assert.ok(longest < 2e6, `a row has ${longest} bytes`);
  await worker.dispose();
  await start();
  assert.deepEqual({ documents: await call("documents"), graph: await call("graph") }, before);
  assert.equal(await call("text", "3.md"), textOf("3.md"));
  assert.equal(await call("text", "7.md"), null);
  await call("ingest", [{ source: "7.md", text: textOf("7.md") }]);
  assert.equal((await call("documents")).length, 12);
});

test("one object keeps several knowledge bases apart", async () => {
  await ask("call", "one", "ingest", [[{ source: "a.md", text: "The request queue." }]]);
  await ask("call", "two", "ingest", [[{ source: "b.md", text: "The vector index." }]]);
  assert.deepEqual((await ask("call", "one", "documents", [])).map(({ source }) => source), ["a.md"]);
  assert.deepEqual((await ask("call", "two", "documents", [])).map(({ source }) => source), ["b.md"]);
});

test("an adapter is open for one name at a time", async () => {
  assert.deepEqual(await ask("misuse"), ["closed", "invalid-argument", "closed"]);
});
