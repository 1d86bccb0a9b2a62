// What is promised of stored knowledge bases, whatever the host: over a storage that several instances share and that can
// be damaged.
import { equal, ok, rejects } from "./expect.mjs";

const texts = {
  "guide.md": "# Request queue\n\nThe **request queue** gives every call an order.\n\nA `Queue` may hold 1024 calls.\n",
  "storage.md": "# Storage\n\nDocuments are kept in **IndexedDB** by the request queue.\n",
};
const documents = Object.entries(texts).map(([source, text]) => ({ source, text }));

/** Rows that outlive the instances on them. */
function sharedStorage() {
  const tables = new Map();
  let epoch = 0;
  const table = (name) => tables.get(name) ?? tables.set(name, new Map()).get(name);
  return {
    table,
    open: async () => ({ epoch }),
    read: async (name, after = "", limit = Infinity) =>
      [...table(name)].filter(([key]) => key > after).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit),
    async commit(expected, puts, deletes) {
      if (expected !== epoch) throw Object.assign(new Error("another was first"), { code: "storage-conflict" });
      for (const [name, key] of deletes) table(name).delete(key);
      for (const [name, key, bytes] of puts) table(name).set(key, bytes);
      return (epoch += 1);
    },
    close: async () => {},
  };
}

/** An embedding model that counts what it is asked. */
function embedder(id, dimensions) {
  const model = {
    id,
    dimensions,
    texts: 0,
    embed: async (texts) => {
      model.texts += texts.length;
      return texts.map((text) => Array.from({ length: dimensions }, (_, at) => (text.length * (at + 3)) % 7));
    },
  };
  return model;
}

const seen = async (rag) => [await rag.documents(), await rag.graph(), await rag.retrieve("What orders calls?")];

export function persistence({ open, pkg }) {
  return {
    async "opening tells how far it is"() {
      const storage = sharedStorage();
      const first = await open({ storage });
      await first.ingest(documents);
      await first.close();
      const steps = [];
      const rag = await open({ storage, onProgress: (step) => steps.push(step) });
      equal(steps.at(-1), { done: 2, total: 2 });
      await rejects(open({ storage, onProgress: 7 }), "invalid-argument");
      await rejects(open({ storage, durability: "eventually" }), "invalid-argument");
      await rag.close();
    },

    async "an instance follows another on the same storage"() {
      const storage = sharedStorage();
      const name = `follows-${Math.random()}`;
      const [one, other] = [await open({ storage, name }), await open({ storage, name })];
      const told = [];
      one.on("remote-commit", ({ epoch }) => told.push(epoch));
      await other.ingest(documents);
      await one.refresh();
      equal(told.at(-1), 2);
      equal(await seen(one), await seen(other));
      await Promise.all([one.remove("guide.md"), other.ingest([{ source: "more.md", text: "More of the queue." }])]);
      await Promise.all([one.refresh(), other.refresh()]);
      equal(await seen(one), await seen(other));
      await one.close();
      await other.close();
    },

    async "a damaged record is set aside by name, and made anew from its text"() {
      const storage = sharedStorage();
      const first = await open({ storage });
      await first.ingest(documents);
      const before = await seen(first);
      await first.close();
      const rows = storage.table("documents");
      const [key] = rows.keys();
      const damaged = rows.get(key).slice();
      damaged[damaged.length - 9] ^= 1;
      rows.set(key, damaged);

      const rag = await open({ storage });
      const [{ name, error }] = rag.stats().damaged;
      equal([name, error.code, error instanceof pkg.SmolRagError], ["guide.md", "storage-corrupt", true]);
      equal((await rag.documents()).map(({ source }) => source), ["storage.md"]);
      equal(rows.get(key), damaged);
      equal(await rag.text("guide.md"), texts["guide.md"]);
      const steps = new Set();
      equal(await rag.repair({ onProgress: ({ stage }) => steps.add(stage) }), { repaired: ["guide.md"], failed: [] });
      ok(steps.has("commit"));
      equal(await seen(rag), before);
      equal(rag.stats().damaged, []);
      equal([...storage.table("damaged").values()], [damaged]);
      await rag.close();

      damaged[9] ^= 1;
      rows.set(key, damaged);
      const again = await open({ storage });
      const { repaired, failed } = await again.repair();
      equal([repaired, failed[0].source, failed[0].error.code], [[], "guide.md", "storage-corrupt"]);
      equal(await again.remove("guide.md"), true);
      equal(again.stats().damaged, []);
      await again.close();
    },

    async "a text that is not kept is not there, and that is said"() {
      const storage = sharedStorage();
      const rag = await open({ storage, keepText: false });
      await rag.ingest(documents);
      ok((await rejects(rag.text("guide.md"), "invalid-argument")).message.includes("keepText"));
      const before = await seen(rag);
      await rag.close();
      const again = await open({ storage, keepText: false });
      equal(await seen(again), before);
      await again.close();
    },

    async "another embedding model takes the place of the first"() {
      const storage = sharedStorage();
      const [first, second] = [embedder("first", 3), embedder("second", 5)];
      const rag = await open({ storage, embedder: first });
      await rag.ingest(documents);
      const error = await rejects(open({ storage, embedder: second }), "model-mismatch");
      ok(error.message.includes("first") && error.message.includes("reembed"), error.message);
      await rejects(rag.reembed({ id: "third" }), "invalid-argument");
      const steps = [];
      await rag.reembed(second, { onProgress: ({ source, done, total }) => steps.push([source, done, total]) });
      equal(steps, [["guide.md", 1, 2], ["storage.md", 2, 2]]);
      ok(second.texts > 0);
      await rag.ingest([{ source: "more.md", text: "More of the queue." }]);
      const fresh = await open({ storage: "memory", embedder: embedder("second", 5) });
      await fresh.ingest([...documents, { source: "more.md", text: "More of the queue." }]);
      equal(await seen(rag), await seen(fresh));
      await rag.close();
      const again = await open({ storage, embedder: second });
      equal(await seen(again), await seen(fresh));
      equal([...storage.table("documents").keys()], []);
      await again.reembed("none");
      ok((await again.retrieve("request queue")).excerpts.length > 0);
      await again.close();
      await fresh.close();
    },

    async "what was paid for outlives a failed ingest and its instance"() {
      const storage = sharedStorage();
      const asked = [];
      let fail = true;
      const llm = {
        id: "paid",
        complete: async ({ system = "", prompt }) => {
          if (fail && asked.length === 1) throw new Error("no credit");
          asked.push(prompt);
          return system.includes("<|COMPLETE|>") ? '("entity"<|>Queue<|>part<|>It orders)<|COMPLETE|>' : "It is about queues.";
        },
      };
      const limits = { llmConcurrency: 1 };
      const first = await open({ storage, llm, limits, embedder: "none" });
      equal((await first.ingest(documents.slice(0, 1))).failed.length, 1);
      await first.close();
      fail = false;
      const rag = await open({ storage, llm, limits, embedder: "none" });
      equal((await rag.ingest(documents.slice(0, 1))).ingested, ["guide.md"]);
      equal(new Set(asked).size, asked.length, "nothing was asked twice");
      equal(storage.table("paid").size, 0);
      await rag.close();
    },
  };
}
