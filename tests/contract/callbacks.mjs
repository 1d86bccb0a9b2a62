// What user code may do when it is called: call back in, fail in every way, never settle, settle twice, close the instance.
import { equal, ok, rejects } from "./expect.mjs";
import { strays } from "./strays.mjs";

const guide = "# Request queue\n\nThe **request queue** holds at most 1024 waiting calls.\n";
const never = () => new Promise(() => {});

/** An embedder whose way to answer is given. */
const embedder = (answer) => ({ id: "given", dimensions: 2, embed: answer });
const vectors = (texts) => texts.map(() => [1, 0]);

/** A storage in memory whose call of that name never settles once it is stuck. */
function stickyStorage(name) {
  const rows = new Map();
  let epoch = 0;
  const storage = {
    stuck: false,
    open: async () => ({ epoch }),
    read: async (table, after = "", limit = Infinity) =>
      [...(rows.get(table) ?? [])].filter(([key]) => key > after).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit),
    async commit(expected, puts, deletes) {
      if (expected !== epoch) throw Object.assign(new Error("others were first"), { code: "storage-conflict" });
      for (const [table, key] of deletes) rows.get(table)?.delete(key);
      for (const [table, key, bytes] of puts) (rows.get(table) ?? rows.set(table, new Map()).get(table)).set(key, bytes);
      return (epoch += 1);
    },
    close: async () => {},
  };
  const call = storage[name];
  storage[name] = (...parameters) => (storage.stuck ? never() : call(...parameters));
  return storage;
}

/**
 * The cases by name.
 * @param {{ open: (options?: object) => Promise<object> }} host
 */
export function callbacks({ open }) {
  return {
    async "who listens to progress while it is made hears of the steps that are left"() {
      const stages = [];
      const listen = () => rag.on("progress", ({ stage }) => stages.push(stage));
      const rag = await open({ storage: "memory", embedder: embedder(async (texts) => vectors(texts)), excerpts: { strategy: (text) => (listen(), [text]) } });
      await rag.ingest([{ source: "guide.md", text: guide }]);
      equal([...new Set(stages)], ["excerpts", "reading", "embedding", "commit"]);
      await rag.close();
    },

    async "every callback may call the same instance"() {
      const stop = strays();
      const inside = [];
      let rag;
      const again = () => inside.push(rag.retrieve("queue", { mode: "standard" }), rag.documents(), rag.remove("none.md"));
      rag = await open({
        storage: "memory",
        embedder: embedder(async (texts) => {
          if (rag && texts.length > 1) again();
          return vectors(texts);
        }),
        excerpts: { strategy: (text) => (again(), [text]) },
      });
      rag.on("commit", () => inside.push(rag.ingest([{ source: "from-event.md", text: guide }])));
      const { ingested } = await rag.ingest([{ source: "guide.md", text: guide }], { onProgress: again });
      equal(ingested, ["guide.md"]);
      await Promise.all(inside);
      equal((await rag.documents()).map(({ source }) => source), ["from-event.md", "guide.md"]);
      await rag.close();
      equal(await stop(), []);
    },

    async "a model that throws, rejects or answers nonsense fails its document alone"() {
      const ways = {
        throws: () => {
          throw new Error("thrown");
        },
        rejects: () => Promise.reject(new Error("rejected")),
        "rejects with nothing": () => Promise.reject(undefined),
        "gives nothing": () => undefined,
        "gives too few": () => [],
        "gives other dimensions": (texts) => texts.map(() => [1]),
        "gives no numbers": (texts) => texts.map(() => ["a", null]),
        "gives floats that are no numbers": (texts) => texts.map(() => new Float32Array([NaN, 1])),
        "gives floats of other dimensions": (texts) => texts.map((_, i) => new Float32Array(i === 0 ? 3 : 2).fill(1)),
      };
      for (const [way, answer] of Object.entries(ways)) {
        let bad = false;
        const rag = await open({ storage: "memory", embedder: embedder((texts) => (bad ? answer(texts) : Promise.resolve(vectors(texts)))) });
        await rag.ingest([{ source: "guide.md", text: guide }]);
        bad = true;
        const { failed } = await rag.ingest([{ source: "guide.md", text: `${guide}\nMore.` }, { source: "other.md", text: guide }]);
        equal(failed.map(({ source, error }) => [source, error.code]), [["guide.md", "provider"]].concat(failed.length > 1 ? [["other.md", "provider"]] : []), way);
        bad = false;
        equal(await rag.text("guide.md"), guide, way);
        equal((await rag.ingest([{ source: "other.md", text: guide }])).failed, [], way);
        await rag.close();
      }
    },

    async "vectors are taken in whatever form they are given"() {
      const numbers = (texts) => texts.map((text, i) => [text.length, i + 0.5]);
      const forms = {
        numbers,
        floats: (texts) => numbers(texts).map((vector) => Float32Array.from(vector)),
        doubles: (texts) => numbers(texts).map((vector) => Float64Array.from(vector)),
        "some of each": (texts) => numbers(texts).map((vector, i) => (i % 2 === 0 ? Float32Array.from(vector) : vector)),
        "an object that has them": (texts) => ({ vectors: forms.floats(texts) }),
      };
      const snapshots = {};
      for (const [form, answer] of Object.entries(forms)) {
        const rag = await open({ storage: "memory", embedder: embedder(answer) });
        equal((await rag.ingest([{ source: "guide.md", text: guide }])).failed, [], form);
        snapshots[form] = [...(await rag.exportSnapshot())];
        await rag.close();
      }
      for (const [form, snapshot] of Object.entries(snapshots)) equal(snapshot, snapshots.numbers, form);
    },

    async "a promise that settles twice counts once"() {
      const stop = strays();
      const twice = (texts) => ({
        then(resolve, reject) {
          resolve(vectors(texts));
          resolve([]);
          reject(new Error("too late"));
          setTimeout(() => reject(new Error("far too late")));
        },
      });
      const rag = await open({ storage: "memory", embedder: embedder(twice) });
      equal((await rag.ingest([{ source: "guide.md", text: guide }])).ingested, ["guide.md"]);
      equal((await rag.retrieve("queue", { mode: "standard" })).excerpts.length, 1);
      await rag.close();
      equal(await stop(), []);
    },

    async "a callback that never settles is given up after its timeout"() {
      const limits = { modelTimeout: 0.05, storageTimeout: 0.05 };
      const silent = await open({ storage: "memory", limits, embedder: embedder(never) });
      equal((await silent.ingest([{ source: "guide.md", text: guide }])).failed[0].error.code, "provider");
      await silent.close();
      const unsplit = await open({ storage: "memory", limits, embedder: "none", excerpts: { strategy: never } });
      equal((await unsplit.ingest([{ source: "guide.md", text: guide }])).failed[0].error.code, "provider");
      await unsplit.close();
      const storage = stickyStorage("commit");
      const rag = await open({ storage, limits, embedder: "none" });
      await rag.ingest([{ source: "guide.md", text: guide }]);
      storage.stuck = true;
      equal((await rag.ingest([{ source: "other.md", text: guide }])).failed[0].error.code, "storage-blocked");
      await rejects(rag.remove("guide.md"), "storage-blocked");
      storage.stuck = false;
      equal((await rag.documents()).length, 1);
      equal((await rag.ingest([{ source: "other.md", text: guide }])).ingested, ["other.md"]);
      equal(await rag.remove("guide.md"), true);
      await rag.close();
    },

    async "closing by force waits for nobody"() {
      for (const name of ["commit", "read", "close"]) {
        const storage = stickyStorage(name);
        const rag = await open({ storage, embedder: "none" });
        await rag.ingest([{ source: "guide.md", text: guide }]);
        storage.stuck = true;
        const calls = [rag.ingest([{ source: "other.md", text: guide }]), rag.text("guide.md"), rag.query("queue")];
        const settled = Promise.allSettled(calls);
        await new Promise((resolve) => setTimeout(resolve, 20));
        await rag.close({ force: true }).catch((error) => equal([name, error.code], ["close", "storage-blocked"]));
        for (const { status, reason, value } of await settled) {
          if (status === "rejected") equal(reason.code, "closed", name);
          else if (value?.failed) equal(value.failed.map(({ error }) => error.code), value.failed.map(() => "closed"), name);
        }
        await rejects(rag.documents(), "closed");
      }
    },

    async "a callback may close its own instance"() {
      const stop = strays();
      let rag;
      const closings = [];
      const close = (options) => closings.push(rag.close(options));
      // What runs is waited for, so a callback must not wait for the end of that itself.
      rag = await open({ storage: "memory", embedder: "none" });
      const report = await rag.ingest([{ source: "guide.md", text: guide }], { onProgress: () => closings.length || close() });
      equal(report.ingested, ["guide.md"]);
      await Promise.all(closings.splice(0));
      await rejects(rag.documents(), "closed");

      rag = await open({ storage: "memory", embedder: embedder(async (texts) => (close({ force: true }), vectors(texts))) });
      await rejects(rag.ingest([{ source: "guide.md", text: guide }]), "closed");
      await Promise.all(closings.splice(0));

      rag = await open({ storage: "memory", embedder: "none" });
      rag.on("commit", () => close());
      equal((await rag.ingest([{ source: "guide.md", text: guide }])).ingested, ["guide.md"]);
      await Promise.all(closings);
      equal(await stop(), []);
    },

    async "events come in commit order, when their commit can be read"() {
      const rag = await open({ storage: "memory", embedder: "none" });
      const [epochs, found] = [[], []];
      rag.on("commit", ({ epoch, source }) => {
        epochs.push(epoch);
        found.push(rag.documents().then((documents) => documents.some((document) => document.source === source)));
      });
      await Promise.all(Array.from({ length: 20 }, (_, i) => rag.ingest([{ source: `${i}.md`, text: guide }])));
      equal(epochs, Array.from({ length: 20 }, (_, i) => i + 1));
      ok((await Promise.all(found)).every(Boolean), "a commit was told before it could be read");
      await rag.close();
    },
  };
}
