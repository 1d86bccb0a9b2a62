// The conformance suite on storages that need no host, and whether it notices what is wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { MemoryStorage } from "../../pkg/memory.js";
import { storageConformance } from "../../pkg/storage-conformance.js";

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);

/** One object for each name, as long as this process lives. */
function kept(create) {
  const objects = new Map();
  return (name) => {
    if (!objects.has(name)) objects.set(name, create());
    return objects.get(name);
  };
}

// The example of the documentation, as it stands there.
const [example] = /^function mapStorage\(\) \{$.*?^\}$/ms.exec(readFileSync(new URL("../../docs/storage.md", import.meta.url), "utf8"));
const mapStorage = new Function(`${example}\nreturn mapStorage;`)();

const storages = { memory: () => new MemoryStorage(), "the documentation's example": mapStorage };
for (const [storage, create] of Object.entries(storages)) {
  for (const { name, run } of storageConformance(kept(create), { seed })) {
    test(`${storage}: ${name} (seed ${seed})`, run);
  }
}

// Each is the storage in memory with one defect.
const defects = {
  "reads from the key on": (good) => ({ read: async (table, after, limit) => {
    const rows = await good.read(table);
    return rows.filter(([key]) => after === undefined || key >= after).slice(0, limit);
  } }),
  "ignores the limit": (good) => ({ read: (table, after) => good.read(table, after) }),
  "reads in descending order": (good) => ({ read: async (table, after, limit) => {
    const rows = await good.read(table);
    return rows.reverse().filter(([key]) => after === undefined || key < after).slice(0, limit);
  } }),
  "takes the empty key for none": (good) => ({ read: (table, after, limit) => good.read(table, after || undefined, limit) }),
  "cuts keys at NUL": (good) => ({ read: (table, after, limit) => good.read(table, after?.split("\0")[0], limit) }),
  "has one table": (good) => ({
    read: (_, after, limit) => good.read("t", after, limit),
    commit: (epoch, puts, deletes) => good.commit(epoch, puts.map(([, ...put]) => ["t", ...put]), deletes.map(([, key]) => ["t", key])),
  }),
  "does not check the epoch": (good, name) => ({ commit: async (_, puts, deletes) => good.commit((await good.open(name)).epoch, puts, deletes) }),
  "refuses without a code": (good) => ({ commit: (...changes) => good.commit(...changes).catch(() => Promise.reject(new Error("no"))) }),
  "checks the epoch too late": (good) => ({ commit: async (epoch, puts, deletes) => {
    const stored = (await good.open("")).epoch;
    if (stored !== epoch) await good.commit(stored, puts.slice(0, 1), []);
    return good.commit(epoch, puts, deletes);
  } }),
  "puts first and then deletes": (good) => ({ commit: (epoch, puts, deletes) => {
    const gone = new Set(deletes.map(String));
    return good.commit(epoch, puts.filter(([table, key]) => !gone.has(String([table, key]))), deletes);
  } }),
  "counts no commit of nothing": (good) => ({ commit: async (epoch, puts, deletes) => (puts.length + deletes.length ? good.commit(epoch, puts, deletes) : epoch) }),
  "stores the whole buffer of a view": (good) => ({ commit: (epoch, puts, deletes) => good.commit(epoch, puts.map(([table, key, bytes]) => [table, key, new Uint8Array(bytes.buffer)]), deletes) }),
  "cuts long values": (good) => ({ commit: (epoch, puts, deletes) => good.commit(epoch, puts.map(([table, key, bytes]) => [table, key, bytes.subarray(0, 2e6)]), deletes) }),
  // Two commits of the good one for each of its own.
  "tears commits": (good) => ({
    open: async (name) => ({ epoch: (await good.open(name)).epoch / 2 }),
    commit: async (epoch, puts, deletes) => {
      const half = await good.commit(2 * epoch, puts.slice(0, 1), deletes);
      await new Promise((resolve) => setTimeout(resolve));
      return (await good.commit(half, puts.slice(1), [])) / 2;
    },
  }),
};
for (const [defect, make] of Object.entries(defects)) {
  test(`notices a storage that ${defect}`, async () => {
    const connect = kept(() => new MemoryStorage());
    const cases = storageConformance((name) => {
      const good = connect(name);
      const bound = Object.fromEntries(["open", "read", "commit", "close"].map((method) => [method, good[method].bind(good)]));
      return { ...bound, ...make(good, name) };
    });
    await assert.rejects(async () => {
      for (const { run } of cases) await run();
    }, /storage conformance: /);
  });
}

test("notices a storage that mixes knowledge bases up", async () => {
  const one = new MemoryStorage();
  const failed = [];
  for (const { name, run } of storageConformance(() => one)) await run().catch(() => failed.push(name));
  assert.ok(failed.includes("knowledge bases do not see each other"));
});

test("notices a storage that forgets when it is closed", async () => {
  const failed = [];
  for (const { name, run } of storageConformance(() => new MemoryStorage())) await run().catch(() => failed.push(name));
  assert.ok(failed.includes("rows outlive closing"));
});
