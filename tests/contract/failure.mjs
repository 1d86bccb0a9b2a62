// What becomes of a failing wasm instance: a panic, an exception thrown through its frames, a stack overflow.
import { equal, ok, rejects } from "./expect.mjs";
import { strays } from "./strays.mjs";

const guide = "# Request queue\n\nThe **request queue** holds at most 1024 waiting calls. The **request queue** serves `SmolRag`.\n";

/** A storage whose next rows, once armed, claim to be larger than any memory: the core panics on them. */
function treacherousStorage() {
  const tables = new Map();
  const rows = (table) => tables.get(table) ?? tables.set(table, new Map()).get(table);
  let epoch = 0;
  return {
    armed: false,
    open: async () => ({ epoch }),
    async read(table, after = "", limit = Infinity) {
      const found = [...rows(table)].filter(([key]) => key > after).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
      if (!this.armed) return found;
      this.armed = false;
      return found.map(([key, bytes]) => [key, Object.defineProperty(bytes.slice(), "length", { value: 2 ** 32 - 1 })]);
    },
    async commit(expected, puts, deletes) {
      equal(expected, epoch);
      for (const [table, key] of deletes) rows(table).delete(key);
      for (const [table, key, bytes] of puts) rows(table).set(key, bytes);
      return (epoch += 1);
    },
    close: async () => {},
  };
}

/** Ways to end an instance, each by a call that runs into it. */
const endings = {
  "a panic": {
    async provoke(rag, storage) {
      storage.armed = true;
      const error = await rejects(rag.text("guide.md"), "internal");
      ok(error.message.includes("capacity overflow"), error.message);
    },
  },
  "an exception through its frames": {
    async provoke(rag) {
      const { now } = performance;
      performance.now = () => {
        throw new Error("no time");
      };
      try {
        const error = await rejects(rag.query("How many calls?"), "internal");
        ok(error.message.includes("no time"), error.message);
      } finally {
        performance.now = now;
      }
    },
  },
  "a stack overflow": {
    async provoke(rag) {
      // Called often, so that the host has compiled what leads into the instance: its frames are small then, and it is the
      // instance that overflows.
      for (let i = 0; i < 20_000; i += 1) rag.stats();
      let left = 4000;
      const dive = () => {
        try {
          dive();
        } catch {}
        // On the way back up, with a little more room at each depth.
        try {
          if (left-- > 0) rag.stats();
        } catch {}
      };
      dive();
    },
  },
};

/**
 * The cases by name.
 * @param {{ open: (options?: object) => Promise<object>, pkg: object }} host
 */
export function failure({ open, pkg }) {
  const cases = {};
  for (const [what, { provoke }] of Object.entries(endings)) {
    cases[`${what}: what is pending rejects with internal, later calls find what was committed`] = async () => {
      const stop = strays();
      const storage = treacherousStorage();
      const asked = [];
      const silent = { id: "silent", dimensions: 2, embed: (texts, { signal }) => (texts.join().includes("silence") ? (asked.push(signal), new Promise(() => {})) : Promise.resolve(texts.map(() => [1, 0]))) };
      const rag = await open({ storage, embedder: silent });
      const other = await open({ storage: "memory" });
      const epochs = [];
      rag.on("commit", ({ epoch }) => epochs.push(epoch));
      await rag.ingest([{ source: "guide.md", text: guide }]);
      await other.ingest([{ source: "other.md", text: guide }]);
      const before = await rag.graph();
      // Enough to be overtaken by the end of the instance, and none of them ever ends by itself.
      const pending = [rag.ingest([{ source: "silence.md", text: "silence" }]), rag.query("silence"), rag.remove("silence.md")];
      const parts = rag.stream("silence");
      pending.push(parts.next());
      const outcomes = Promise.all(pending.map((call) => call.then(() => "settled", (error) => [error.code, error instanceof pkg.SmolRagError])));

      while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await provoke(rag, storage);
      // A host may have found room for all of it.
      if (what !== "a stack overflow" || (await Promise.race([outcomes, rag.documents()])).length === pending.length) {
        equal(await outcomes, pending.map(() => ["internal", true]));
        ok(asked.every((signal) => signal.aborted), "a model was not told that nobody waits for it");
      }
      equal(await rag.text("guide.md"), guide);
      equal(await rag.graph(), before);
      equal(rag.stats().documents, 1);
      ok((await rag.query("How many calls may wait in the queue?")).text.includes("1024"));
      equal((await rag.ingest([{ source: "guide.md", text: guide }])).unchanged, ["guide.md"]);
      equal((await rag.ingest([{ source: "more.md", text: guide }])).ingested, ["more.md"]);
      equal(epochs, [1, 2]);
      equal((await other.documents()).map(({ source }) => source), ["other.md"]);
      await rag.close({ force: true });
      await outcomes;
      await other.close();
      await rejects(rag.documents(), "closed");
      equal(await stop(), []);
    };
  }

  cases["counts are there again after the first call"] = async () => {
    const storage = treacherousStorage();
    const rag = await open({ storage, embedder: "none" });
    await endings["a panic"].provoke(rag, storage, await rag.ingest([{ source: "guide.md", text: guide }]));
    await rejects(Promise.resolve().then(() => rag.stats()), "internal");
    await rag.documents();
    equal(rag.stats().documents, 1);
    await rag.close();
  };

  cases["an instance may fail again and again, also while it is opened"] = async () => {
    const stop = strays();
    const storage = treacherousStorage();
    const rag = await open({ storage, embedder: "none" });
    await rag.ingest([{ source: "guide.md", text: guide }]);
    for (let round = 0; round < 5; round += 1) {
      storage.armed = true;
      await rejects(rag.text("guide.md"), "internal");
      storage.armed = true;
      const calls = [rag.documents(), rag.text("guide.md"), rag.stream("queue").next()];
      await Promise.all(calls.map((call) => rejects(call, "internal")));
      equal((await rag.documents()).length, 1);
    }
    await rag.close();
    await rag.close();
    equal(await stop(), []);
  };
  return cases;
}
