// What the package promises, the same in every host. Each case opens its own knowledge base.
import { callbacks } from "./callbacks.mjs";
import { equal, ok, rejects } from "./expect.mjs";
import { persistence } from "./persistence.mjs";

const modes = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];

const guide = `# Request queue

The **request queue** gives every call an order. A call that waits can be cancelled by its \`AbortSignal\`.

## Limits

The request queue holds at most 1024 waiting calls. Past that, a call is refused with \`queue-full\`.
`;

const storage = `# Storage

Documents are kept in **IndexedDB**. One commit is one transaction, so a crash never tears a document.

The request queue serialises commits to IndexedDB.
`;

const memory = { storage: "memory" };

/** Arrays within each other. */
const deep = (levels) => (levels === 0 ? "deep" : [deep(levels - 1)]);

/**
 * The cases by name. `open` is `SmolRag.open` with what the host needs added to its options.
 * @param {{ open: (options?: object) => Promise<object>, pkg: object, indexedDB: boolean,
 *   corpora: Record<string, { source: string, text: string }[]> }} host
 */
export function contract({ open, pkg, indexedDB, corpora }) {
  const withGuide = async (options = memory) => {
    const rag = await open(options);
    await rag.ingest([{ source: "guide.md", text: guide, metadata: { lang: "en" } }, { source: "storage.md", text: storage }]);
    return rag;
  };

  const cases = {
    ...callbacks({ open }),
    async "ingests, reports, and knows what is unchanged"() {
      const rag = await open(memory);
      const documents = [{ source: "guide.md", text: guide }];
      const none = { calls: 0, promptTokens: 0, completionTokens: 0, embeddingCalls: 0, embeddingTokens: 0, rerankCalls: 0, estimated: false };
      const rest = { failed: [], degraded: [], usage: none };
      equal(await rag.estimate(documents), { changed: ["guide.md"], unchanged: [], usage: none });
      equal(await rag.ingest(documents), { ingested: ["guide.md"], updated: [], unchanged: [], ...rest });
      equal(await rag.ingest(documents), { ingested: [], updated: [], unchanged: ["guide.md"], ...rest });
      equal(await rag.estimate(documents), { changed: [], unchanged: ["guide.md"], usage: none });
      equal(await rag.ingest([{ source: "guide.md", text: storage }]), { ingested: [], updated: ["guide.md"], unchanged: [], ...rest });
      const [document] = await rag.documents();
      equal(document.source, "guide.md");
      equal(document.bytes, new TextEncoder().encode(storage).length);
      ok(document.excerpts > 0 && document.entities > 0);
      equal(await rag.text("guide.md"), storage);
      await rag.close();
    },

    async "answers in five modes with references into the source"() {
      const rag = await withGuide();
      const texts = { "guide.md": guide, "storage.md": storage };
      for (const mode of modes) {
        const answer = await rag.query("How many calls may wait in the request queue?", { mode });
        equal(answer.mode, mode);
        ok(answer.text.includes("1024"), `${mode}: ${answer.text}`);
        ok(answer.references.length > 0, `${mode} gives no reference`);
        for (const { source, text, start, end } of answer.references) equal(texts[source].slice(start, end), text);
      }
      await rag.close();
    },

    async "hands over any text as it is"() {
      const rag = await open(memory);
      const text = "# 東京タワー 🗼\n\nThe **Ünïcode Tower** 😀 stands beside the **Zoë Gate**: “naïve” ½ e\u0301.\n";
      await rag.ingest([{ source: "塔😀.md", text }]);
      for (const mode of modes) {
        const { excerpts, entities, relationships, context } = await rag.retrieve("Ünïcode Tower 😀, Zoë Gate", { mode });
        const [{ source, start, end, text: found, headings, id }] = excerpts;
        equal([source, found, headings], ["塔😀.md", text.slice(start, end), ["東京タワー 🗼"]]);
        ok(context.includes(found.trim()), context);
        for (const thing of [...entities, ...relationships]) equal(thing.excerpts, [id]);
        if (mode !== "standard") ok(entities.some(({ name }) => name === "Ünïcode Tower"));
      }
      await rag.close();
    },

    async "retrieves excerpts, entities and relationships within the budget"() {
      const rag = await withGuide();
      const found = await rag.retrieve("request queue", { mode: "mix", topK: 2, maxTokens: 200 });
      ok(found.excerpts.length > 0 && found.excerpts.length <= 2);
      ok(found.entities.some((entity) => entity.name.toLowerCase().includes("request queue")));
      for (const entity of found.entities) ok(Number.isInteger(entity.rank) && entity.excerpts.length > 0);
      ok(found.context.length > 0);
      await rag.close();
    },

    async "rankings are weighed, and what is alike comes later, as the caller says"() {
      const rag = await open(memory);
      const texts = ["The queue orders all calls.", "The queue orders all the calls.", "A queue is emptied at the end of the day."];
      await rag.ingest(texts.map((text, i) => ({ source: `${i}.md`, text })));
      const sources = async (options) => (await rag.retrieve("the queue orders calls", { mode: "standard", ...options })).excerpts.map(({ source }) => source);
      const usual = await sources({ topK: 2 });
      equal(usual.toSorted(), ["0.md", "1.md"]);
      equal(await sources({ topK: 2, diversity: 0 }), usual);
      equal(await sources({ topK: 2, diversity: 0.8 }), [usual[0], "2.md"]);
      const scores = async (weights) => (await rag.retrieve("the queue orders calls", { mode: "standard", weights })).excerpts[0].score;
      ok((await scores({ vector: 0 })) < (await scores({})) && (await scores({})) < (await scores({ vector: 2 })));
      equal(rag.stats().approximate, []);
      await rag.close();
    },

    async "metadata comes back as it was given"() {
      const rag = await open(memory);
      const metadata = { empty: "", flag: true, list: ["a", 1, [false]], none: false, number: -2.5, text: "é" };
      await rag.ingest([{ source: "a.md", text: guide, metadata }, { source: "b.md", text: guide }]);
      const [a, b] = await rag.documents();
      equal(a.metadata, metadata);
      equal(b.metadata, {});
      const { updated } = await rag.ingest([{ source: "a.md", text: guide, metadata: { ...metadata, empty: false } }]);
      equal(updated, ["a.md"]);
      await rag.close();
    },

    async "filters by metadata in every mode"() {
      const rag = await withGuide();
      for (const mode of modes) {
        const found = await rag.retrieve("IndexedDB request queue", { mode, filter: { lang: "en" } });
        for (const excerpt of found.excerpts) equal(excerpt.source, "guide.md", mode);
      }
      await rag.close();
    },

    async "streams text and its references, then the whole answer"() {
      const rag = await withGuide();
      let text = "";
      let references = [];
      let last;
      for await (const part of rag.stream("What is kept in IndexedDB?")) {
        if (part.type === "references") references = part.references;
        if (part.type === "text") text += part.text;
        for (const [, number] of text.matchAll(/\[(\d+)\]/g)) ok(number <= references.length, "a mark came before its reference");
        last = part;
      }
      equal(last.type, "done");
      equal(last.answer.text, text);
      equal(last.answer.references, references);
      ok(references.length > 0);
      for await (const part of rag.stream("What is kept in IndexedDB?")) {
        if (part.type === "text") break;
      }
      await rag.close();
    },

    async "removal leaves nothing behind"() {
      const rag = await withGuide();
      equal(await rag.remove("storage.md"), true);
      equal(await rag.remove("storage.md"), false);
      const alone = await open(memory);
      await alone.ingest([{ source: "guide.md", text: guide, metadata: { lang: "en" } }]);
      const counts = ({ documents, excerpts, entities, relationships, vectors }) => ({ documents, excerpts, entities, relationships, vectors });
      equal(counts(rag.stats()), counts(alone.stats()));
      equal(await rag.graph(), await alone.graph());
      await rag.close();
      await alone.close();
    },

    async "shows the graph"() {
      const rag = await withGuide();
      const entity = await rag.entity("REQUEST QUEUES");
      ok(entity && entity.mentions.length > 0 && entity.rank === entity.neighbours.length, JSON.stringify(entity));
      const related = await rag.relationships("request queue");
      equal(related.length, entity.rank);
      const graph = await rag.graph({ around: ["request queue"], depth: 1, limit: 500 });
      equal(graph.nodes.length, entity.rank + 1);
      equal(await rag.entity("no such thing"), undefined);
      await rag.close();
    },

    async "an empty knowledge base says that it has nothing"() {
      const rag = await open(memory);
      for (const mode of modes) {
        const answer = await rag.query("What is a request queue?", { mode });
        equal(answer.references, []);
        ok(answer.text.length > 0);
      }
      await rag.close();
    },

    async "texts of all lengths and alphabets come back as they were"() {
      const rag = await open(memory);
      const wide = ["é", "知", "😀", "\ufffd", "\ufeffa"];
      const texts = [63, 64, 65, 200].flatMap((length) => [0, 1, length - 2].flatMap((at) =>
        wide.map((character) => "a".repeat(at) + character + "b".repeat(length - at - character.length))));
      texts.push("c".repeat(64), "知識".repeat(100), "😀".repeat(100), "x😀".repeat(50));
      await rag.ingest(texts.map((text, i) => ({ source: `${i}`, text })));
      for (const [i, text] of texts.entries()) equal(await rag.text(`${i}`), text);
      await rag.close();
    },

    async "bad input gives a coded error and changes nothing"() {
      const rag = await open(memory);
      const good = { source: "a.md", text: "Some text." };
      const bad = [
        [{ source: "a.md", text: "" }],
        [{ source: "a.md", text: " \n " }],
        [{ source: "", text: "Some text." }],
        [{ source: "a.md", text: "a lone \ud800 surrogate" }],
        [{ source: "a.md", text: `${"a long text with ".repeat(9)}\udc00, a lone surrogate` }],
        [{ source: "a\ud800.md", text: "text" }],
        [{ source: "a.md", text: "a NUL \0" }],
        [{ source: "a.md", text: "x ".repeat(5 * 2 ** 20) }],
        [good, good],
        [{ source: "a.md" }],
        [{ source: "a.md", text: 7 }],
        [{ ...good, metadata: { when: new Date() } }],
        [{ ...good, metadata: { value: NaN } }],
        [{ ...good, metadata: { value: deep(20) } }],
        [{ ...good, metadata: { value: null } }],
        [{ ...good, metadata: new Map([["lang", "en"]]) }],
        [{ ...good, metadata: "en" }],
        "a.md",
        [null],
      ];
      for (const documents of bad) {
        await rejects(rag.ingest(documents), "invalid-argument");
        await rejects(rag.estimate(documents), "invalid-argument");
      }
      equal(rag.stats().documents, 0);
      await rag.ingest([good]);
      for (const options of [
        { mode: "telepathy" }, { topK: -1 }, { topK: 1.5 }, { topK: NaN }, { topK: "5" }, { maxTokens: -1 },
        { filter: "en" }, { filter: { lang: {} } }, { filter: [] }, { mode: 5 }, "standard",
        { weights: 1 }, { weights: { vector: -1 } }, { weights: { graph: Infinity } }, { diversity: 1.5 }, { diversity: "much" },
        { rerank: {} }, { rerank: "best" }, { budget: 5 }, { budget: { calls: -1 } }, { budget: { tokens: 0.5 } },
      ]) await rejects(rag.retrieve("text", options), "invalid-argument");
      for (const question of ["", "  ", 7, undefined, "\udc00"]) await rejects(rag.query(question), "invalid-argument");
      await rejects(rag.remove(""), "invalid-argument");
      equal(rag.stats().documents, 1);
      await rag.close();
    },

    async "a provider that answers out of form fails that document only"() {
      const answers = {
        "too few": (texts) => texts.slice(1).map(() => [1, 0, 0]),
        "wrong size": (texts) => texts.map(() => [1, 0]),
        "not finite": (texts) => texts.map(() => [1, NaN, 0]),
        "no array": () => "vectors",
        "a throw": () => { throw new Error("no network"); },
      };
      for (const [what, embed] of Object.entries(answers)) {
        const rag = await open({ ...memory, embedder: { id: what, dimensions: 3, embed: async (texts) => embed(texts) } });
        const report = await rag.ingest([{ source: "a.md", text: guide }]);
        equal(report.failed.length, 1, what);
        equal([report.failed[0].source, report.failed[0].error.code, report.failed[0].error instanceof pkg.SmolRagError], ["a.md", "provider", true], what);
        equal(rag.stats().documents, 0, what);
        await rag.close();
      }
    },

    async "a failed update leaves the earlier version answering"() {
      let fail = false;
      const embedder = {
        id: "test", dimensions: 2,
        embed: async (texts) => {
          if (fail) throw Object.assign(new Error("too many requests"), { status: 429, retryAfter: 3 });
          return texts.map((text) => [text.length, 1]);
        },
      };
      const rag = await open({ ...memory, embedder });
      await rag.ingest([{ source: "guide.md", text: guide }]);
      const before = await rag.graph();
      fail = true;
      const { failed: [{ error }] } = await rag.ingest([{ source: "guide.md", text: storage }]);
      equal([error.code, error.status, error.retryAfter], ["provider", 429, 3]);
      equal(await rag.graph(), before);
      fail = false;
      equal((await rag.ingest([{ source: "guide.md", text: storage }])).updated, ["guide.md"]);
      await rag.close();
    },

    async "a signal cancels, and nothing is changed"() {
      const rag = await open({ ...memory, embedder: { id: "slow", dimensions: 2, embed: (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) } });
      const controller = new AbortController();
      const call = rag.ingest([{ source: "guide.md", text: guide }], { signal: controller.signal });
      setTimeout(() => controller.abort(), 20);
      await rejects(call, "aborted");
      await rejects(rag.ingest([{ source: "guide.md", text: guide }], { signal: AbortSignal.abort() }), "aborted");
      equal(rag.stats().documents, 0);
      await rag.close();
    },

    async "a language model given by the user reads and answers"() {
      const asked = [];
      const llm = {
        id: "test",
        complete: async ({ system = "", prompt }) => {
          asked.push(prompt);
          return `${system}${prompt}`.includes("<|COMPLETE|>")
            ? '("entity"<|>Request Queue<|>component<|>Orders all calls)+|+("entity"<|>Storage<|>component<|>Keeps documents)+|+("relationship"<|>Request Queue<|>Storage<|>The queue commits to storage<|>order, durability<|>8)<|COMPLETE|>'
            : "The queue orders calls [1].";
        },
      };
      const rag = await open({ ...memory, llm });
      await rag.ingest([{ source: "guide.md", text: guide }]);
      const queue = await rag.entity("request queue");
      equal([queue.name, queue.category, queue.neighbours], ["Request Queue", "component", ["Storage"]]);
      const answer = await rag.query("What orders calls?", { mode: "standard" });
      equal(answer.text, "The queue orders calls [1].");
      equal(answer.references.length, 1);
      const before = asked.length;
      equal((await rag.ingest([{ source: "guide.md", text: guide }])).unchanged, ["guide.md"]);
      equal(asked.length, before);
      await rag.close();
    },

    async "a closed instance refuses calls"() {
      const rag = await withGuide();
      await rag.close();
      await rejects(rag.query("anything?"), "closed");
      await rejects(rag.ingest([{ source: "a.md", text: "Some text." }]), "closed");
      await rag.close();
    },

    async "many calls at once all settle"() {
      const rag = await open(memory);
      const calls = [];
      for (let i = 0; i < 40; i += 1) {
        calls.push(rag.ingest([{ source: `${i % 5}.md`, text: `${guide}\nVersion ${i}.` }]));
        calls.push(rag.query("What is the request queue?", { mode: modes[i % 5] }));
      }
      await Promise.all(calls);
      equal((await rag.documents()).map(({ source }) => source), ["0.md", "1.md", "2.md", "3.md", "4.md"]);
      for (let i = 35; i < 40; i += 1) ok((await rag.text(`${i % 5}.md`)).endsWith(`Version ${i}.`), "calls on one source ran out of order");
      await rag.close();
    },
  };

  Object.assign(cases, persistence({ open, pkg }));

  for (const [name, documents] of Object.entries(corpora)) {
    cases[`the corpus ${name} is ingested, asked about in five modes, and removed from`] = async () => {
      const options = indexedDB ? { name: `${name}-${Date.now()}` } : memory;
      let rag = await open(options);
      const stages = new Set();
      const report = await rag.ingest(documents, { onProgress: ({ stage }) => stages.add(stage) });
      equal(report.ingested, documents.map(({ source }) => source));
      equal([...stages].sort(), ["commit", "embedding", "excerpts", "reading"]);
      if (indexedDB) {
        await rag.close();
        rag = await open(options);
        equal((await rag.ingest(documents)).unchanged.length, documents.length);
      }
      const texts = new Map(documents.map(({ source, text }) => [source, text]));
      const question = "What happens to the knowledge graph when a document is removed?";
      for (const mode of modes) {
        const { text, references } = await rag.query(question, { mode });
        ok(text.length > 0 && references.length > 0, mode);
        for (const [, mark] of text.matchAll(/\[(\d+)\]/g)) ok(references[mark - 1], `${mode}: no reference ${mark}`);
        for (const { source, text: passage, start, end } of references) equal(texts.get(source).slice(start, end), passage, mode);
        const found = await rag.retrieve(question, { mode });
        ok(found.excerpts.length > 0, mode);
        ok(mode === "standard" || found.entities.length > 0, `${mode} used no entity`);
      }
      const [{ source }] = documents;
      equal(await rag.remove(source), true);
      equal((await rag.documents()).length, documents.length - 1);
      const { references } = await rag.query(question);
      ok(references.every((reference) => reference.source !== source), "a removed document answers");
      await rag.close();
    };
  }

  if (indexedDB) {
    Object.assign(cases, {
      async "IndexedDB: survives closing and opening"() {
        const name = `survives-${Date.now()}`;
        let rag = await withGuide({ name });
        const before = [await rag.documents(), await rag.graph(), await rag.retrieve("request queue")];
        await rag.close();
        rag = await open({ name });
        equal([await rag.documents(), await rag.graph(), await rag.retrieve("request queue")], before);
        equal(await rag.text("guide.md"), guide);
        await rag.remove("guide.md");
        await rag.close();
        rag = await open({ name });
        equal((await rag.documents()).map(({ source }) => source), ["storage.md"]);
        await rag.close();
      },

      async "IndexedDB: another embedding model is refused"() {
        const name = `mismatch-${Date.now()}`;
        const rag = await withGuide({ name });
        await rag.close();
        await rejects(open({ name, embedder: { id: "other", dimensions: 2, embed: async (texts) => texts.map(() => [1, 0]) } }), "model-mismatch");
      },
    });
  }
  return cases;
}
