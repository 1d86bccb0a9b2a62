// What the models behind an HTTP endpoint promise, the same in every host, against the server of tests/support.
import { equal, ok, rejects } from "./expect.mjs";

const tea = "# Tea\n\nSencha is steamed. Matcha is ground.\n\n# Coffee\n\nEspresso is pressed through Filter paper.\n";
const key = "sk-very-secret-1234567890";
const dimensions = 8;

/** What `complete` gives as a rejection, whether it throws at once or later. */
const failing = (work) => rejects((async () => work())(), "provider");

async function gathered(parts) {
  let text = "";
  for await (const part of parts) text += textOf(part);
  return text;
}

/** What a model says, whether it tells its usage or not. */
const textOf = (said) => (typeof said === "string" ? said : said.text);

/** Of an engine in a worker, what it counts comes a moment later. */
async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Anything as text, bytes a character each. */
function written(value) {
  const bytes = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return JSON.stringify(value, (_, inner) => {
    if (inner instanceof Error) return { ...inner, message: inner.message, stack: inner.stack, cause: inner.cause };
    if (inner instanceof ArrayBuffer) return bytes(new Uint8Array(inner));
    return ArrayBuffer.isView(inner) ? bytes(new Uint8Array(inner.buffer, inner.byteOffset, inner.byteLength)) : inner;
  });
}

/** A storage whose rows can be looked at. */
function recorded() {
  const tables = new Map();
  let epoch = 0;
  const table = (name) => tables.get(name) ?? tables.set(name, new Map()).get(name);
  return {
    rows: () => [...tables].map(([name, rows]) => [name, [...rows]]),
    open: async () => ({ epoch }),
    read: async (name, after = "", limit = Infinity) => [...table(name)].filter(([key]) => key > after).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit),
    async commit(expected, puts, deletes) {
      if (expected !== epoch) throw Object.assign(new Error("another was first"), { code: "storage-conflict" });
      for (const [name, key] of deletes) table(name).delete(key);
      for (const [name, key, value] of puts) table(name).set(key, value.slice());
      return (epoch += 1);
    },
    close: async () => undefined,
  };
}

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** All that the databases of a knowledge base in IndexedDB hold. */
async function rowsOf(name) {
  const rows = [];
  for (const database of await indexedDB.databases()) {
    if (!database.name.includes(name)) continue;
    const opened = await settled(indexedDB.open(database.name));
    for (const store of opened.objectStoreNames) {
      const transaction = opened.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([settled(transaction.getAllKeys()), settled(transaction.getAll())]);
      rows.push(...keys.map((key, index) => [key, values[index]]));
    }
    opened.close();
  }
  return rows;
}

/**
 * The cases by name; `url` is the server's.
 * @param {{ open: (options?: object) => Promise<object>, pkg: object, url: string }} host
 */
export function providers({ open, pkg, url }) {
  let counter = 0;
  /** An endpoint of its own that behaves in a way, and what was asked of it. */
  const endpoint = (way) => {
    counter += 1;
    const base = `${url}/${way}.${counter}-${Math.random().toString(36).slice(2)}`;
    return {
      options: { baseURL: `${base}/v1`, apiKey: key, model: "test" },
      requests: async () => (await fetch(`${base}/requests`)).json(),
    };
  };
  const languageModel = (way, options = {}) => {
    const { options: base, requests } = endpoint(way);
    return { llm: pkg.openAICompatible({ ...base, ...options }), requests };
  };
  const embedder = (way, options = {}) => {
    const { options: base, requests } = endpoint(way);
    return { embedder: pkg.openAICompatible.embedder({ ...base, dimensions, ...options }), requests };
  };
  const prompt = "What is tea?";

  return {
    async "an endpoint reads, embeds, answers and streams; keys stay out of everything"() {
      const { llm, requests } = languageModel("well", { body: { temperature: 0 }, headers: { "x-mine": "1" } });
      const { embedder: vectors } = embedder("well");
      const seen = [];
      const rag = await open({ storage: "memory", llm, embedder: vectors });
      rag.on("commit", (event) => seen.push(event));
      const report = await rag.ingest([{ source: "tea.md", text: tea }], { onProgress: (progress) => seen.push(progress) });
      equal(report.failed, []);
      ok((await rag.entity("Sencha")).descriptions[0].includes("spoken of"));
      const answer = await rag.query("How is sencha made?");
      equal(answer.text, "Sencha is steamed, *naïvely* spoken 🍵 [1].");
      equal(answer.references.length, 1);
      let streamed = "";
      for await (const part of rag.stream("How is matcha made?")) if (part.type === "text") streamed += part.text;
      equal(streamed, answer.text);
      const [first] = await requests();
      equal([first.path, first.headers.authorization, first.headers["x-mine"], first.body.model, first.body.temperature],
        ["/v1/chat/completions", `Bearer ${key}`, "1", "test", 0]);
      ok(!JSON.stringify([seen, report, answer, rag.stats(), await rag.documents()]).includes(key));
      await rag.close();
    },

    async "nothing is asked twice: not for unchanged documents, nor what was paid before a failure"() {
      const { llm, requests } = languageModel("fails-later", { retries: 0 });
      const rag = await open({ storage: "memory", llm, limits: { llmConcurrency: 1 } });
      const documents = [{ source: "tea.md", text: `${tea}\n# Cocoa\n\nCocoa is melted with Butter and Cream.\n` }];
      let asked = 0;
      for (let failed = true, round = 0; failed; round += 1) {
        ok(round < 5, "it goes on failing");
        ({ failed: { length: failed } } = await rag.ingest(documents));
        const all = await requests();
        const paid = all.map(({ body }) => JSON.stringify(body)).filter((_, index) => index < 5 || index >= 7);
        equal(new Set(paid).size, paid.length, "an answered request was sent again");
        asked = all.length;
      }
      equal((await rag.ingest(documents)).unchanged, ["tea.md"]);
      equal((await requests()).length, asked);
      await rag.close();
    },

    async "a request that fails for the moment is sent again, in time"() {
      for (const [way, sent] of [["flaky", 3], ["limited", 2], ["limited-finely", 2], ["garbage", 2], ["dropped", 2]]) {
        const { llm, requests } = languageModel(way);
        const started = Date.now();
        equal(textOf(await llm.complete({ prompt })), "It is about tea.", way);
        // The server asks for a second; sooner would be rude, whatever the host's clock is worth.
        if (way === "limited") ok(Date.now() - started >= 900, "Retry-After is not honoured");
        equal((await requests()).length, sent, way);
      }
    },

    async "what another try does not change is not tried again"() {
      for (const [way, status] of [["refused-400", 400], ["refused-401", 401], ["refused-404", 404]]) {
        const { llm, requests } = languageModel(way);
        const error = await failing(() => llm.complete({ prompt }));
        equal([error.status, (await requests()).length], [status, 1], way);
        ok(!error.message.includes(key), "the error tells the key");
      }
      const { llm, requests } = languageModel("limited-long");
      const error = await failing(() => llm.complete({ prompt }));
      equal([error.status, error.retryAfter, (await requests()).length], [429, 86400, 1]);
      await failing(() => languageModel("no-text").llm.complete({ prompt }));
    },

    async "an endpoint that cannot be reached is said so, without the key"() {
      const llm = pkg.openAICompatible({ baseURL: "http://127.0.0.1:9/v1", apiKey: key, model: "test", retries: 0 });
      const error = await failing(() => llm.complete({ prompt }));
      ok(!error.message.includes(key) && error.message.includes("127.0.0.1:9"), error.message);
    },

    async "a deadline ends all tries"() {
      const { llm } = languageModel("slow", { timeout: 0.3 });
      ok((await failing(() => llm.complete({ prompt }))).message.includes("0.3 s"));
    },

    async "a signal reaches the provider"() {
      const { llm, requests } = languageModel("slow");
      const rag = await open({ storage: "memory", llm });
      const controller = new AbortController();
      const call = rag.ingest([{ source: "tea.md", text: tea }], { signal: controller.signal });
      while ((await requests()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
      await rejects(call, "aborted");
      while (!(await requests()).every(({ aborted }) => aborted)) await new Promise((resolve) => setTimeout(resolve, 10));
      await rag.close();
    },

    async "a stream is read whatever way its bytes are cut"() {
      equal(await gathered(languageModel("crumbs").llm.stream({ prompt })), "Grüße 🍵 [1]");
      equal(await gathered(languageModel("without-done").llm.stream({ prompt })), "whole");
    },

    async "a stream that breaks before its first part is asked for again, a later break is an error"() {
      const { llm, requests } = languageModel("cut-at-first");
      equal(await gathered(llm.stream({ prompt })), "It is about tea.");
      equal((await requests()).length, 2);
      for (const way of ["cut", "cut-quietly", "error-event"]) {
        const { llm, requests } = languageModel(way);
        const parts = [];
        await rejects((async () => {
          for await (const part of llm.stream({ prompt })) parts.push(textOf(part));
        })(), "provider");
        equal([parts.join("").slice(0, 3), (await requests()).length], ["Sen", 1], way);
      }
    },

    async "a broken stream fails the query and leaves the knowledge base as it is"() {
      const { complete } = languageModel("well").llm;
      const { stream } = languageModel("cut").llm;
      const rag = await open({ storage: "memory", llm: { id: "half", complete, stream } });
      await rag.ingest([{ source: "tea.md", text: tea }]);
      await rejects((async () => {
        for await (const part of rag.stream("How is sencha made?")) ok(part.type !== "done");
      })(), "provider");
      equal(rag.stats().documents, 1);
      ok((await rag.retrieve("How is sencha made?")).excerpts.length > 0);
      await rag.close();
    },

    async "vectors come in batches, in order, of the right size"() {
      const { embedder: vectors, requests } = embedder("backwards", { maxBatch: 2, shorten: true });
      const rag = await open({ storage: "memory", embedder: vectors });
      await rag.ingest([{ source: "tea.md", text: tea }]);
      const sent = await requests();
      ok(sent.length > 1 && sent.every(({ body }) => body.input.length <= 2 && body.dimensions === dimensions));
      const { excerpts } = await rag.retrieve("Espresso is pressed through Filter paper", { mode: "standard", topK: 1 });
      ok(excerpts[0].text.includes("Espresso"));
      await rag.close();

      const wrong = await open({ storage: "memory", embedder: embedder("short-vector").embedder });
      const { failed: [{ error }] } = await wrong.ingest([{ source: "tea.md", text: tea }]);
      equal([error.code, wrong.stats().documents], ["provider", 0]);
      await wrong.close();
    },

    async "Azure's form: the query stays, the key goes by its header"() {
      const { options, requests } = endpoint("well");
      const baseURL = `${options.baseURL.replace("/v1", "/openai/deployments/mine")}?api-version=2024-10-21`;
      await pkg.openAICompatible({ ...options, baseURL, apiKey: async () => key }).complete({ system: "Be brief.", prompt });
      const [{ path, query, headers, body }] = await requests();
      equal([path, query, headers["api-key"], headers.authorization], ["/openai/deployments/mine/chat/completions", "api-version=2024-10-21", key, undefined]);
      equal(body.messages, [{ role: "system", content: "Be brief." }, { role: "user", content: prompt }]);
    },

    async "bad options are refused at once"() {
      for (const baseURL of ["", "localhost", undefined]) {
        await rejects((async () => pkg.openAICompatible({ baseURL, model: "test" }))(), "invalid-argument");
      }
      for (const model of [null, {}, { specificationVersion: "v1", doGenerate() {} }, { specificationVersion: "v2" }]) {
        await rejects((async () => pkg.fromAISDK(model))(), "invalid-argument");
      }
      await rejects(pkg.chromeLanguageModel(), "invalid-argument");
      const { llm } = languageModel("well");
      for (const options of [
        { llm: {} }, { rerank: {} }, { rerank: { id: "", rerank() {} } }, { countTokens: 5 }, { prompts: 5 }, { prompts: { entityTypes: "person" } },
        { prompts: { gleaning: -1 } }, { limits: { budget: { calls: "5" } } },
      ]) await rejects(open({ storage: "memory", llm, ...options }), "invalid-argument");
    },

    async "calls and tokens are counted as the provider tells, or else by countTokens"() {
      const { llm, requests } = languageModel("well", { includeUsage: true });
      const { embedder: vectors, requests: batches } = embedder("well", { maxBatch: 2 });
      const rag = await open({ storage: "memory", llm, embedder: vectors });
      const { usage } = await rag.ingest([{ source: "tea.md", text: tea }]);
      const [asked, embedded] = [(await requests()).length, await batches()];
      const texts = embedded.reduce((sum, { body }) => sum + body.input.length, 0);
      equal(usage, {
        calls: asked, promptTokens: 10 * asked, completionTokens: 5 * asked, embeddingCalls: embedded.length, embeddingTokens: 3 * texts,
        rerankCalls: 0, estimated: false,
      });
      const answer = await rag.query("How is sencha made?");
      equal([answer.usage.calls, answer.usage.promptTokens, answer.usage.estimated], [2, 20, false]);
      equal((await requests()).at(-1).body.stream_options, { include_usage: true });
      const again = await rag.query("How is sencha made?");
      equal([again.cached, again.usage.calls, again.usage.embeddingTokens], [true, 0, 0]);
      await until(() => rag.stats().usage.calls === asked + 2);
      await rag.close();

      const { llm: silent, requests: sent } = languageModel("well");
      const counted = await open({ storage: "memory", llm: silent, countTokens: (text) => text.length });
      await counted.ingest([{ source: "tea.md", text: tea }]);
      const { usage: own, text } = await counted.query("How is sencha made?", { mode: "standard" });
      const { messages } = (await sent()).at(-1).body;
      equal([own.calls, own.promptTokens, own.completionTokens, own.estimated],
        [1, messages.reduce((sum, { content }) => sum + content.length, 0), text.length, true]);
      await counted.close();

      const broken = await open({ storage: "memory", countTokens: () => "many" });
      await broken.ingest([{ source: "tea.md", text: tea }]);
      await rejects(broken.retrieve("sencha"), "invalid-argument");
      await broken.close();
    },

    async "an estimate calls nobody and asks what the ingest will ask"() {
      const { llm, requests } = languageModel("well");
      const { embedder: vectors, requests: batches } = embedder("well");
      const rag = await open({ storage: "memory", llm, embedder: vectors, countTokens: async (text) => text.length });
      const documents = [{ source: "tea.md", text: tea }, { source: "cocoa.md", text: "Cocoa is melted." }];
      const estimate = await rag.estimate(documents);
      equal([(await requests()).length, (await batches()).length, rag.stats().documents, estimate.changed], [0, 0, 0, ["tea.md", "cocoa.md"]]);
      const { usage } = await rag.ingest(documents);
      equal(estimate.usage.calls, usage.calls);
      const sent = (await requests()).flatMap(({ body }) => body.messages.map(({ content }) => content.length));
      equal(estimate.usage.promptTokens, sent.reduce((sum, length) => sum + length));
      ok(estimate.usage.estimated && estimate.usage.completionTokens > 0 && estimate.usage.embeddingCalls === usage.embeddingCalls);
      equal((await rag.estimate(documents)).usage.calls, 0);
      await rejects(rag.estimate(documents, { signal: AbortSignal.abort() }), "aborted");
      await rag.close();
    },

    async "a budget stops cleanly, and what was paid for is kept"() {
      const { llm, requests } = languageModel("well");
      const rag = await open({ storage: "memory", llm, limits: { budget: { calls: 7 } } });
      const documents = [{ source: "tea.md", text: tea }];
      const { failed: [failure], usage } = await rag.ingest(documents, { budget: { calls: 3 } });
      equal([failure.source, failure.error.code, failure.error instanceof pkg.SmolRagError, usage.calls, (await requests()).length],
        ["tea.md", "budget-spent", true, 3, 3]);
      equal((await rag.ingest(documents)).ingested, ["tea.md"]);
      const sent = (await requests()).map(({ body }) => JSON.stringify(body));
      equal(new Set(sent).size, sent.length, "an answered request was sent again");
      await rejects(rag.query("How is sencha made?", { budget: { tokens: 50 } }), "budget-spent");
      equal((await requests()).length, sent.length);
      await rag.query("How is sencha made?", { mode: "standard" });
      await rag.query("How is matcha ground?", { mode: "standard" }).catch(() => undefined);
      await rejects(rag.query("Who pressed it?"), "budget-spent");
      ok((await requests()).length <= 7, "more calls than the budget");
      await rag.close();
    },

    async "extraction in JSON, where the endpoint offers it"() {
      for (const [json, type] of [["schema", "json_schema"], ["object", "json_object"], [undefined, undefined]]) {
        const { llm, requests } = languageModel("well", { json });
        const rag = await open({ storage: "memory", llm });
        equal((await rag.ingest([{ source: "tea.md", text: tea }])).failed, []);
        ok((await rag.entity("Sencha")).descriptions[0].includes("spoken of"), type);
        const formats = (await requests()).map(({ body }) => body.response_format);
        equal(formats.filter(Boolean).length, type ? formats.length / 2 : 0);
        for (const format of formats.filter(Boolean)) {
          equal(format.type, type);
          if (json === "schema") equal([format.json_schema.strict, format.json_schema.schema.type], [true, "object"]);
        }
        await rag.close();
      }
    },

    async "a summary that fails degrades and is reported, an extraction that fails fails its document only"() {
      const documents = [{ source: "tea.md", text: "# Tea\n\nSencha is steamed." }, { source: "coffee.md", text: "# Coffee\n\nEspresso is pressed." }];
      const degraded = await open({ storage: "memory", llm: languageModel("without-summaries").llm });
      const report = await degraded.ingest(documents);
      equal([report.ingested.length, report.failed, report.degraded.map(({ source }) => source)], [2, [], ["tea.md", "coffee.md"]]);
      const [{ error }] = report.degraded;
      ok(error instanceof pkg.SmolRagError && error.code === "provider" && error.message.includes("heading path"), error.message);
      const { excerpts } = await degraded.retrieve("sencha", { mode: "standard" });
      equal(excerpts.find(({ source }) => source === "tea.md").summary, "Tea");
      await degraded.close();

      const half = await open({ storage: "memory", llm: languageModel("without-espresso").llm });
      const { ingested, failed } = await half.ingest(documents);
      equal([ingested, failed.map(({ source, error }) => [source, error.code, error.status])], [["tea.md"], [["coffee.md", "provider", 400]]]);
      await half.close();
    },

    async "a reranker puts excerpts in order, and its failure is the provider's"() {
      const asked = [];
      const rerank = {
        id: "last",
        async rerank({ query, documents, topK, signal }) {
          asked.push({ query, documents, topK, signal: signal instanceof AbortSignal });
          return documents.map((text, index) => ({ index, score: text.includes("Cocoa") ? 1 : 0 }));
        },
      };
      const rag = await open({ storage: "memory", rerank });
      await rag.ingest([{ source: "tea.md", text: tea }, { source: "cocoa.md", text: "Cocoa is melted, and then Sencha comes." }]);
      const question = "Sencha is steamed";
      const { excerpts } = await rag.retrieve(question, { mode: "standard", topK: 1 });
      equal([excerpts.length, excerpts[0].source, excerpts[0].score], [1, "cocoa.md", 1]);
      equal([asked[0].query, asked[0].topK, asked[0].signal, asked[0].documents.length > 1], [question, 1, true, true]);
      await until(() => rag.stats().usage.rerankCalls === 1);
      const plain = await rag.retrieve(question, { mode: "standard", topK: 1, rerank: false });
      equal([plain.excerpts[0].source, asked.length], ["tea.md", 1]);
      const failures = [async () => { throw Object.assign(new Error("no"), { status: 503 }); }, async () => "best", async () => [{ index: 99, score: 1 }], async () => [{ index: 0 }]];
      for (const rerank of failures) await rejects(rag.retrieve(question, { rerank: { id: "bad", rerank } }), "provider");
      await rag.close();
    },

    async "contextOnly gives the prompt and asks no language model"() {
      const { llm, requests } = languageModel("well");
      const rag = await open({ storage: "memory", llm });
      await rag.ingest([{ source: "tea.md", text: tea }]);
      const before = (await requests()).length;
      const history = [{ role: "user", content: "Tell me of tea." }];
      const { system, prompt: asked, references, mode } = await rag.query("How is sencha made?", { contextOnly: true, history });
      equal([mode, (await requests()).length], ["mix", before]);
      ok(system.includes("knowledge base") && asked.includes("Sencha is steamed") && asked.includes("Tell me of tea."));
      for (const { start, end, text } of references) equal(tea.slice(start, end), text);
      ok(references.length > 0 && asked.includes(`[${references.length}]`));
      await rejects((async () => {
        for await (const _ of rag.stream("How is sencha made?", { contextOnly: true }));
      })(), "invalid-argument");
      await rag.close();
    },

    async "plain functions are models"() {
      const asked = [];
      async function answering(text, { system = "", signal }) {
        asked.push(signal instanceof AbortSignal);
        return system.includes("<|COMPLETE|>") ? '("entity"<|>Sencha<|>tea<|>It is steamed.)<|COMPLETE|>' : "It is steamed [1].";
      }
      const rag = await open({ storage: "memory", llm: answering, embedder: (texts) => texts.map((text) => [text.length, 1, 0]) });
      equal((await rag.ingest([{ source: "tea.md", text: tea }])).ingested, ["tea.md"]);
      equal((await rag.entity("Sencha")).category, "tea");
      equal((await rag.query("How is sencha made?", { mode: "standard" })).text, "It is steamed [1].");
      ok(asked.length > 0 && asked.every(Boolean));
      await rag.close();
      await rejects(open({ storage: "memory", embedder: () => [] }), "provider");
      await rejects(open({ storage: "memory", embedder: () => { throw new Error("no"); } }), "provider");
    },

    async "what a model is told is the user's to change, and documents are read anew"() {
      const { llm, requests } = languageModel("well");
      const documents = [{ source: "tea.md", text: tea }];
      const storage = recorded();
      const plain = await open({ storage, llm });
      await plain.ingest(documents);
      await plain.close();
      const before = (await requests()).length;
      const prompts = { entityTypes: ["beverage"], language: "Frisian", guidance: "Leave out prices.", gleaning: 1 };
      const rag = await open({ storage, llm, prompts });
      equal((await rag.ingest(documents)).updated, ["tea.md"]);
      const systems = (await requests()).slice(before).map(({ body }) => body.messages[0].content);
      ok(systems.length > before && systems.every((system) => system.includes("Frisian") && system.includes("Leave out prices.")));
      ok(systems.some((system) => system.includes("one of: beverage;")));
      await rag.close();
    },

    async "a key is in no storage, error, event or export"() {
      const everything = [];
      const keep = (...values) => everything.push(...values.map(written));
      const storage = recorded();
      const rag = await open({ storage, llm: languageModel("well").llm, embedder: embedder("well").embedder });
      for (const type of ["commit", "progress", "remote-commit"]) rag.on(type, (event) => keep(event));
      keep(await rag.ingest([{ source: "tea.md", text: tea }]), await rag.query("How is sencha made?"), await rag.documents(), await rag.graph(), rag.stats());
      for (const name of ["exportSnapshot", "exportGraphML", "exportPythonData"]) if (rag[name]) keep(await rag[name]());
      await rag.close();
      keep(storage.rows());
      if ("indexedDB" in globalThis) {
        const name = `keys-${Math.random()}`;
        const kept = await open({ name, storage: "indexeddb", llm: languageModel("well").llm });
        await kept.ingest([{ source: "tea.md", text: tea }]);
        await kept.close();
        const rows = await rowsOf(name);
        ok(rows.length > 0, "IndexedDB holds nothing");
        keep(rows);
      }
      for (const way of ["refused-400", "refused-401", "refused-404", "no-text", "limited-long", "cut"]) {
        const broken = await open({ storage: "memory", llm: languageModel(way, { retries: 0 }).llm });
        const { failed: [failure], degraded } = await broken.ingest([{ source: "tea.md", text: tea }]);
        keep(failure ?? degraded);
        const error = await broken.query("How is sencha made?").catch((error) => error);
        keep(error);
        await broken.close();
      }
      const text = everything.join("\n");
      ok(text.includes("Sencha") && text.includes("tea.md"), "what was kept is not searched");
      ok(!text.includes(key), text.slice(Math.max(0, text.indexOf(key) - 200), text.indexOf(key) + 100));
    },
  };
}
