// Storage in files: the conformance suite, several processes, what a commit costs, damage, a full disk.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { dice } from "../contract/dice.mjs";
import { fileStorage } from "../../pkg/file-storage.js";
import * as pkg from "../../pkg/node.js";
import { storageConformance } from "../../pkg/storage-conformance.js";

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
const folder = mkdtempSync(join(tmpdir(), "smolrag-files-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const fresh = () => join(folder, String((made += 1)));
const code = (expected) => (error) => error.code === expected || assert.fail(`${error.code}: ${error.message}`);
const bytesIn = (path) => readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);

for (const { name, run } of storageConformance(() => fileStorage(join(folder, "conformance")), { seed })) test(`${name} (seed ${seed})`, run);

test("names of knowledge bases are names of directories, whatever they are", async () => {
  const root = fresh();
  const names = ["", ".", "..", "a/b", "a", "A", "CON", "ä", "x".repeat(300), "x".repeat(301), "名".repeat(90)];
  for (const [i, name] of names.entries()) {
    const storage = fileStorage(root);
    assert.deepEqual(await storage.open(name), { epoch: 0 }, name);
    await storage.commit(0, [["meta", "name", new Uint8Array([i])]], []);
    await storage.close();
  }
  assert.equal(readdirSync(root).length, names.length);
  for (const [i, name] of names.entries()) {
    const storage = fileStorage(root);
    await storage.open(name);
    assert.deepEqual(await storage.read("meta"), [["name", new Uint8Array([i])]]);
  }
});

test("wrong use is refused with a code", async () => {
  const storage = fileStorage(fresh());
  await assert.rejects(storage.read("documents"), code("closed"));
  await storage.open("one");
  await assert.rejects(storage.open("two"), code("invalid-argument"));
  await storage.close();
  await assert.rejects(storage.commit(0, [], []), code("closed"));
});

// A counter in a row: each process raises it, giving way to the others.
const counting = `
  import { fileStorage } from ${JSON.stringify(new URL("../../pkg/file-storage.js", import.meta.url))};
  const [root, times] = process.argv.slice(1);
  const storage = fileStorage(root);
  let { epoch } = await storage.open("count");
  for (let done = 0; done < Number(times);) {
    const [row] = await storage.read("meta");
    const count = row ? Number(Buffer.from(row[1]).toString()) : 0;
    // A large row as well, so that the oldest files go all the time.
    const puts = [["meta", "count", Buffer.from(String(count + 1))], ["documents", process.pid + " " + done % 3, new Uint8Array(50_000).fill(done)]];
    try {
      epoch = await storage.commit(epoch, puts, []);
      done += 1;
    } catch (error) {
      if (error.code !== "storage-conflict") throw error;
      ({ epoch } = await storage.open("count"));
    }
  }
`;

test("four processes on one directory lose nothing", async () => {
  const [root, times] = [fresh(), 60];
  const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", counting, root, String(times)]);
  await Promise.all([run(), run(), run(), run()]);
  const storage = fileStorage(root);
  assert.deepEqual(await storage.open("count"), { epoch: 4 * times });
  assert.equal(Buffer.from((await storage.read("meta"))[0][1]).toString(), String(4 * times));
  assert.equal((await storage.read("documents")).length, 12);
  const files = readdirSync(join(root, "count"));
  assert.ok(files.length < 2 * times, `${files.length} files are left`);
  assert.ok(files.every((name) => name.endsWith(".commit")), String(files));
});

test("who slept while the others went far ahead is refused, or follows", async () => {
  const root = fresh();
  const [sleeper, other] = [fileStorage(root), fileStorage(root)];
  const row = (byte) => ["documents", "a", new Uint8Array(100_000).fill(byte)];
  await sleeper.open("x");
  await other.open("x");
  await other.commit(0, [row(0)], []);
  await sleeper.open("x");
  // Asleep between looking for the newest epoch and taking the name of the next.
  const { link } = promises;
  let wake;
  const awake = new Promise((resolve) => (wake = resolve));
  const asleep = new Promise((resolve) => {
    promises.link = async (...paths) => {
      promises.link = link;
      syncBuiltinESMExports();
      resolve();
      await awake;
      return link(...paths);
    };
  });
  syncBuiltinESMExports();
  const commit = sleeper.commit(1, [row(255)], []);
  await asleep;
  for (let epoch = 1; epoch < 60; epoch += 1) await other.commit(epoch, [row(epoch)], []);
  assert.ok(!readdirSync(join(root, "x")).includes("0000000000000002.commit"), "the name is not free again");
  wake();
  await assert.rejects(commit, code("storage-conflict"));
  for (const storage of [sleeper, other, fileStorage(root)]) {
    assert.deepEqual(await storage.open("x"), { epoch: 60 });
    assert.deepEqual((await storage.read("documents"))[0][1], row(59)[2]);
  }
  assert.equal(await sleeper.commit(60, [row(60)], []), 61);
});

test("a commit costs what changed, and the files no more than the rows call for", async () => {
  const cost = {};
  for (const rows of [30, 200]) {
    const root = fresh();
    const storage = fileStorage(root);
    await storage.open("x");
    const bytes = 40_000;
    const value = (byte) => new Uint8Array(bytes).fill(byte);
    let epoch = 0;
    for (let i = 0; i < rows; i += 1) epoch = await storage.commit(epoch, [["documents", String(i), value(i)]], []);
    // Some rows change all the time, the others never: the worst course there is.
    const updates = 2 * rows;
    let written = 0;
    let most = 0;
    for (let i = 0; i < updates; i += 1) {
      epoch = await storage.commit(epoch, [["documents", String(i % 10), value(i)]], []);
      const size = statSync(join(root, "x", `${String(epoch).padStart(16, "0")}.commit`)).size;
      written += size;
      most = Math.max(most, size);
    }
    cost[rows] = written / updates / bytes;
    assert.ok(most <= 3 * bytes + 1_000, `a commit of ${bytes} bytes wrote ${most}`);
    const kept = bytesIn(join(root, "x"));
    assert.ok(kept <= 2 * rows * (bytes + 4096) + 2 ** 20 + 10 * bytes, `${kept} bytes are kept for ${rows * bytes}`);
    const found = await fileStorage(root);
    await found.open("x");
    const all = await found.read("documents");
    assert.equal(all.length, rows);
    for (const [key, value] of all) {
      const last = Number(key) < 10 ? updates - 10 + Number(key) : Number(key);
      assert.equal(value[0], last & 255, key);
    }
    for (const [key] of all.slice(1)) epoch = await storage.commit(epoch, [], [["documents", key]]);
    for (let i = 0; i < 3; i += 1) epoch = await storage.commit(epoch, [], []);
    assert.equal((await storage.read("documents")).length, 1);
  }
  console.log(`bytes written for each byte changed: ${JSON.stringify(cost)}`);
  assert.ok(cost[30] <= 2 && cost[200] <= 2, JSON.stringify(cost));
});

// A knowledge base of a few commits; gives its directory and its state.
async function small() {
  const root = fresh();
  const rag = await pkg.SmolRag.open({ name: "x", storage: fileStorage(root) });
  for (const i of [1, 2, 3]) await rag.ingest([{ source: `${i}.md`, text: `The **request queue** of ${i} holds 1024 calls.` }]);
  await rag.remove("2.md");
  const state = JSON.stringify([await rag.documents(), await rag.graph()]);
  await rag.close();
  return { root, files: join(root, "x"), state };
}

test("damage is reported and never read as data", async () => {
  const { root, files, state } = await small();
  const roll = dice(seed);
  let reported = 0;
  for (let i = 0; i < 100; i += 1) {
    const names = readdirSync(files).sort();
    const path = join(files, names[roll(names.length)]);
    const whole = readFileSync(path);
    const [kind, place] = [roll(3), roll(whole.length)];
    if (kind === 0) truncateSync(path, place);
    else if (kind === 1) renameSync(path, join(folder, "away"));
    else writeFileSync(path, whole.map((byte, at) => (at === place ? byte ^ (1 << (i % 8)) : byte)));
    const what = `seed ${seed}, ${i}: ${["cut", "removed", "flipped"][kind]} ${path}`;
    const lastRemoved = kind === 1 && path.endsWith(names.at(-1));
    try {
      const rag = await pkg.SmolRag.open({ name: "x", storage: fileStorage(root) });
      const texts = await Promise.all(["1.md", "3.md"].map((source) => rag.text(source)));
      const documents = await rag.documents();
      const now = JSON.stringify([documents, await rag.graph()]);
      const { damaged } = rag.stats();
      await rag.close();
      if (damaged.length > 0) {
        // What cannot be read is set aside by name, and the rest is there.
        reported += 1;
        assert.ok(damaged.every(({ error }) => error.code === "storage-corrupt"), what);
        const sources = [...documents.map(({ source }) => source), ...damaged.map(({ name }) => name)].filter((name) => name.endsWith(".md"));
        assert.deepEqual(sources.sort(), ["1.md", "3.md"], what);
        continue;
      }
      // What was damaged counts no more; or the last commit is gone whole.
      if (!lastRemoved) {
        assert.equal(now, state, what);
        assert.ok(texts.every((text) => text.includes("1024")), what);
      }
    } catch (error) {
      assert.equal(error.code, "storage-corrupt", `${what}: ${error.message}`);
      reported += 1;
    } finally {
      if (kind === 1) renameSync(join(folder, "away"), path);
      else writeFileSync(path, whole);
    }
  }
  assert.ok(reported > 50, `${reported} of 100 were reported`);
  const rag = await pkg.SmolRag.open({ name: "x", storage: fileStorage(root) });
  assert.equal(JSON.stringify([await rag.documents(), await rag.graph()]), state);
  await rag.close();
});

test("what a process left unfinished is passed over, and removed when it is old", async () => {
  const { root, files, state } = await small();
  const [young, old] = [join(files, "young.unfinished"), join(files, "old.unfinished")];
  for (const path of [young, old]) writeFileSync(path, "half a com");
  utimesSync(old, 0, 0);
  const rag = await pkg.SmolRag.open({ name: "x", storage: fileStorage(root) });
  assert.equal(JSON.stringify([await rag.documents(), await rag.graph()]), state);
  await rag.close();
  assert.deepEqual(readdirSync(files).filter((name) => name.endsWith(".unfinished")), ["young.unfinished"]);
});

// The process may write no file beyond a size, as if the disk were full.
const filling = `
  import { fileStorage } from ${JSON.stringify(new URL("../../pkg/file-storage.js", import.meta.url))};
  import { SmolRag } from ${JSON.stringify(new URL("../../pkg/node.js", import.meta.url))};
  const rag = await SmolRag.open({ storage: fileStorage(process.argv[1]) });
  const text = (words) => "The request queue. " + "word ".repeat(words);
  const first = await rag.ingest([{ source: "a.md", text: text(10) }]);
  const full = await rag.ingest([{ source: "a.md", text: text(50_000) }]);
  const found = await rag.text("a.md");
  await rag.remove("a.md");
  const again = await rag.ingest([{ source: "b.md", text: text(10) }]);
  console.log(JSON.stringify([first.ingested, full.failed.map(({ error }) => error.code), found === text(10), again.ingested]));
  await rag.close();
`;

test("without room a commit fails with storage-quota, the last one stands, and work goes on", { skip: process.platform === "win32" }, () => {
  const root = fresh();
  // The signal is ignored, so that the write itself fails.
  const output = execFileSync("bash", ["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "bash", process.execPath, "--input-type=module", "--eval", filling, root], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(output), [["a.md"], ["storage-quota"], true, ["b.md"]]);
  assert.deepEqual(readdirSync(join(root, "default")).filter((name) => !name.endsWith(".commit")), []);
});
