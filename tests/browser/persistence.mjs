// IndexedDB as the package uses it. Runs in a page.
import { equal, ok, rejects } from "/contract/expect.mjs";

const documents = [
  { source: "guide.md", text: "# Request queue\n\nThe **request queue** gives every call an order.\n" },
  { source: "storage.md", text: "# Storage\n\nDocuments are kept in **IndexedDB**.\n" },
];

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new Error("blocked"));
});

/** A database of the first version of the package. */
async function seed(name, { epoch, rows }) {
  const opening = indexedDB.open(`smolrag:${name}`, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("rows");
  const database = await settled(opening);
  const transaction = database.transaction("rows", "readwrite");
  const store = transaction.objectStore("rows");
  for (const [table, key, hex] of rows) store.put(Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16)), `${table}\0${key}`);
  store.put(epoch, "epoch");
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  return database;
}

const fixtureModels = {
  llm: { id: "fixture", complete: async () => "<|COMPLETE|>" },
  embedder: { id: "fixture", dimensions: 4, embed: async (texts) => texts.map(() => [1, 2, 3, 4]) },
};

export function cases({ SmolRag, wasmBytes, fixture }) {
  const fresh = (what) => `${what}-${Math.random()}`;
  return {
    async "a database of the first version opens, and goes on"() {
      const name = fresh("first");
      (await seed(name, fixture)).close();
      const rag = await SmolRag.open({ name, ...fixtureModels });
      equal(rag.stats().damaged, []);
      equal((await rag.documents()).map(({ source, metadata }) => [source, metadata]), [["a.md", { lang: "en", n: 1.5, tags: ["x", true] }], ["b.md", {}]]);
      ok((await rag.text("a.md")).includes("Grüße 👋 from the Cache."));
      equal((await rag.entity("Cache")).name, "Store");
      equal((await rag.retrieve("What does the Queue order?")).excerpts[0].source, "a.md");
      const graph = await rag.graph();
      await rag.ingest([{ source: "d.md", text: "Another." }]);
      await rag.close();
      const again = await SmolRag.open({ name, ...fixtureModels });
      equal([await again.graph(), again.stats().documents], [graph, 3]);
      await again.close();
    },

    async "a tab with an older version is in the way: storage-blocked, and once it has closed all is well"() {
      const name = fresh("blocked");
      const older = await seed(name, fixture);
      const error = await rejects(SmolRag.open({ name, ...fixtureModels }), "storage-blocked");
      ok(error.message.includes("close or reload"), error.message);
      older.close();
      const rag = await SmolRag.open({ name, ...fixtureModels });
      equal(rag.stats().documents, 2);
      await rag.close();
      // The first attempt has left no connection open.
      await settled(indexedDB.deleteDatabase(`smolrag:${name}`));
    },

    async "whoever wants to upgrade or delete the database gets it"() {
      const name = fresh("wanted");
      for (const take of [() => settled(indexedDB.open(`smolrag:${name}`, 99)), () => settled(indexedDB.deleteDatabase(`smolrag:${name}`))]) {
        const rag = await SmolRag.open({ name });
        await rag.ingest(documents);
        const taken = await take();
        const { failed } = await rag.ingest([{ source: "more.md", text: "More." }]);
        equal(failed[0].error.code, "storage-blocked");
        ok((await rag.retrieve("request queue")).excerpts.length > 0, "what is in memory answers");
        await rag.close();
        taken?.close();
        if (taken) await rejects(SmolRag.open({ name }), "storage-blocked");
        await settled(indexedDB.deleteDatabase(`smolrag:${name}`));
      }
    },

    async "opened and closed a thousand times, nothing is left open"() {
      const name = fresh("leak");
      const first = await SmolRag.open({ name, embedder: "none" });
      await first.ingest(documents);
      await first.close();
      let settledBytes;
      for (let round = 0; round < 1000; round += 1) {
        const rag = await SmolRag.open({ name, embedder: "none" });
        await rag.close();
        if (round === 100) settledBytes = wasmBytes();
      }
      equal(wasmBytes(), settledBytes, "memory");
      await settled(indexedDB.deleteDatabase(`smolrag:${name}`));
    },

    async "one that cannot be opened leaves nothing open"() {
      const name = fresh("refused");
      const rag = await SmolRag.open({ name });
      await rag.ingest(documents);
      await rag.close();
      await rejects(SmolRag.open({ name, embedder: "none" }), "model-mismatch");
      await rejects(SmolRag.open({ name, embedder: { id: "no dimensions" } }), "invalid-argument");
      await settled(indexedDB.deleteDatabase(`smolrag:${name}`));
    },

    async "durability is strict unless it is to be relaxed"() {
      const { transaction } = IDBDatabase.prototype;
      for (const [durability, expected] of [[undefined, "strict"], ["strict", "strict"], ["relaxed", "relaxed"]]) {
        const asked = [];
        IDBDatabase.prototype.transaction = function (stores, mode, options) {
          const made = transaction.call(this, stores, mode, options);
          if (mode === "readwrite") asked.push(made.durability);
          return made;
        };
        try {
          const rag = await SmolRag.open({ name: fresh("durable"), ...(durability && { durability }) });
          await rag.ingest(documents);
          await rag.close();
        } finally {
          IDBDatabase.prototype.transaction = transaction;
        }
        equal(asked, [expected, expected]);
      }
    },

    async "a commit writes what changed, in one transaction"() {
      const { put } = IDBObjectStore.prototype;
      const name = fresh("bytes");
      const rag = await SmolRag.open({ name });
      await rag.ingest(Array.from({ length: 200 }, (_, at) => ({ source: `${at}.md`, text: documents[at % 2].text })));
      const written = [];
      IDBObjectStore.prototype.put = function (value, key) {
        written.push([key.split("\0")[0], value.byteLength ?? 8]);
        return put.call(this, value, key);
      };
      try {
        await rag.ingest([{ source: "7.md", text: `${documents[0].text}\nIt is changed.` }]);
      } finally {
        IDBObjectStore.prototype.put = put;
      }
      equal(written.map(([table]) => table), ["documents", "changes", "epoch"]);
      const bytes = written.reduce((sum, [, bytes]) => sum + bytes, 0);
      ok(bytes <= 2 * written[0][1], `${bytes} for a document of ${written[0][1]}`);
      await rag.close();
    },

    async "tabs follow each other without being told to"() {
      const name = fresh("hints");
      const [one, other] = [await SmolRag.open({ name }), await SmolRag.open({ name, worker: true })];
      const told = new Promise((resolve) => one.on("remote-commit", resolve));
      const back = new Promise((resolve) => other.on("remote-commit", resolve));
      await other.ingest(documents.slice(0, 1));
      await told;
      equal((await one.documents()).length, 1);
      await one.ingest(documents.slice(1));
      await back;
      equal(await other.graph(), await one.graph());
      await one.close();
      await other.close();
    },

    async "the browser is asked once to keep the data, and its answer is told"() {
      let asked = 0;
      const { persist } = StorageManager.prototype;
      StorageManager.prototype.persist = function () {
        asked += 1;
        return persist.call(this);
      };
      const rag = await SmolRag.open({ name: fresh("persisted") });
      const more = await SmolRag.open({ name: fresh("persisted") });
      for (let waited = 0; rag.stats().persisted === undefined && waited < 200; waited += 1) await new Promise((resolve) => setTimeout(resolve, 10));
      equal([typeof rag.stats().persisted, rag.stats().persisted], ["boolean", await navigator.storage.persisted()]);
      ok(asked <= 1, `asked ${asked} times`);
      const memory = await SmolRag.open({ storage: "memory" });
      equal(memory.stats().persisted, undefined);
      StorageManager.prototype.persist = persist;
      for (const opened of [rag, more, memory]) await opened.close();
    },
  };
}

/** Fills the storage until it is full; what is left of it. */
export async function fill({ SmolRag, name }) {
  const rag = await SmolRag.open({ name });
  const text = (number) => `# Note ${number}\n\n${Array.from({ length: 3000 }, (_, at) => `word${(number * 7919 + at * 104729) % 1e6}`).join(" ")}\n`;
  let number = 0;
  let failure;
  while (!failure && number < 500) {
    const { failed } = await rag.ingest([{ source: `${number}.md`, text: text(number) }]);
    failure = failed[0]?.error;
    number += 1;
  }
  ok(failure, "the storage was never full");
  equal(failure.code, "storage-quota", failure.message);
  const full = rag.stats().documents;
  equal(full, number - 1);
  const [, found] = [await rag.documents(), await rag.retrieve(`word${7919 % 1e6}`)];
  ok(found.excerpts.length > 0, "reading works");
  equal(await rag.text("1.md"), text(1));
  for (let gone = 0; gone < full / 2; gone += 1) equal(await rag.remove(`${gone}.md`), true);
  const left = rag.stats().documents;
  await rag.close();
  // What the rows had is free when the browser has put its files in order; opening anew is no condition, but waiting may be.
  const again = await SmolRag.open({ name });
  equal(again.stats().documents, left, "the last commit stands");
  let report;
  for (let tries = 0; tries < 50; tries += 1) {
    report = await again.ingest([{ source: "new.md", text: text(1000) }]);
    if (report.failed.length === 0) break;
    equal(report.failed[0].error.code, "storage-quota");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  equal(report.ingested, ["new.md"]);
  await again.close();
  return { full, left };
}
