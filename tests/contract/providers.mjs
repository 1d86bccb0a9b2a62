// What the models behind an HTTP endpoint promise, the same in every host, against the server of tests/support.
import { equal, ok, rejects } from "./expect.mjs";

const tea = "# Tea\n\nSencha is steamed. Matcha is ground.\n\n# Coffee\n\nEspresso is pressed through Filter paper.\n";
const key = "sk-very-secret-1234567890";
const dimensions = 8;

/** What `complete` gives as a rejection, whether it throws at once or later. */
const failing = (work) => rejects((async () => work())(), "provider");

async function gathered(parts) {
  let text = "";
  for await (const part of parts) text += part;
  return text;
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
        equal(await llm.complete({ prompt }), "It is about tea.", way);
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
          for await (const part of llm.stream({ prompt })) parts.push(part);
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
    },
  };
}
