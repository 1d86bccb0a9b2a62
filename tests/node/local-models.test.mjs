// Models on the reader's machine, as far as their shape goes: what stands behind it is not in Node.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { SmolRag, chromeLanguageModel, transformersEmbedder, webLLM } from "../../pkg/node.js";

const gathered = async (parts) => {
  let text = "";
  for await (const part of parts) text += part;
  return text;
};

/** The browser's Prompt API: sessions that must be destroyed, a download that reports itself. */
function promptApi(availability = "downloadable") {
  const sessions = new Set();
  return {
    sessions,
    availability: async () => availability,
    async create({ initialPrompts = [], monitor } = {}) {
      const events = new EventTarget();
      monitor?.(events);
      for (const loaded of [0.5, 1]) events.dispatchEvent(Object.assign(new Event("downloadprogress"), { loaded }));
      const session = {
        prompt: async (text, { signal, responseConstraint } = {}) => {
          signal?.throwIfAborted();
          if (responseConstraint) return JSON.stringify(responseConstraint);
          return `${initialPrompts.map(({ content }) => content).join()}|${text}`;
        },
        promptStreaming: (text) => new ReadableStream({
          start(controller) {
            for (const part of ["a ", text]) controller.enqueue(part);
            controller.close();
          },
        }),
        destroy: () => sessions.delete(session),
      };
      sessions.add(session);
      return session;
    },
  };
}

afterEach(() => {
  delete globalThis.LanguageModel;
});

test("the browser's own model: downloaded first, one session a question, none left open", async () => {
  globalThis.LanguageModel = promptApi();
  const shares = [];
  const llm = await chromeLanguageModel({ onDownload: (share) => shares.push(share) });
  assert.deepEqual(shares, [0.5, 1]);
  assert.equal(await llm.complete({ system: "Be brief.", prompt: "Tea?" }), "Be brief.|Tea?");
  assert.equal(await gathered(llm.stream({ prompt: "Tea?" })), "a Tea?");
  await assert.rejects(llm.complete({ prompt: "Tea?", signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(llm.json, false);
  const bound = await chromeLanguageModel({ json: true });
  assert.equal(await bound.complete({ prompt: "Tea?", json: { name: "tea", schema: { type: "object" } } }), '{"type":"object"}');
  assert.equal(globalThis.LanguageModel.sessions.size, 0);
});

test("a browser without a model says so", async () => {
  await assert.rejects(chromeLanguageModel(), { code: "invalid-argument" });
  globalThis.LanguageModel = promptApi("unavailable");
  await assert.rejects(chromeLanguageModel(), { code: "invalid-argument" });
});

test("a pipeline of Transformers.js embeds", async () => {
  const asked = [];
  const pipeline = Object.assign(async (texts, options) => {
    asked.push([texts.length, options]);
    return { dims: [texts.length, 3], data: Float32Array.from(texts.flatMap((text) => [text.length, 1, 0])) };
  }, { model: { config: { hidden_size: 3, _name_or_path: "mini" } } });
  const embedder = transformersEmbedder(pipeline);
  assert.deepEqual([embedder.id, embedder.dimensions], ["mini", 3]);
  assert.deepEqual(await embedder.embed(["a", "bcd"]), [[1, 1, 0], [3, 1, 0]]);
  assert.deepEqual(asked, [[2, { pooling: "mean", normalize: true }]]);
  const rag = await SmolRag.open({ storage: "memory", embedder });
  assert.deepEqual((await rag.ingest([{ source: "a.md", text: "Sencha is steamed." }])).ingested, ["a.md"]);
  await rag.close();
  assert.throws(() => transformersEmbedder(async () => ({})), { code: "invalid-argument" });
});

test("WebLLM answers, streams and is interrupted", async () => {
  let interrupted = 0;
  const engine = {
    interruptGenerate: () => { interrupted += 1; },
    chat: { completions: { create: async ({ messages, stream }) => {
      const text = messages.map(({ role, content }) => `${role}: ${content}`).join("; ");
      if (!stream) return { choices: [{ message: { content: text } }] };
      return (async function* () {
        for (const content of [text, null, undefined]) yield { choices: [{ delta: { content } }] };
      })();
    } } },
  };
  const llm = webLLM(engine, { id: "small" });
  assert.equal(await llm.complete({ system: "Be brief.", prompt: "Tea?" }), "system: Be brief.; user: Tea?");
  assert.equal(await gathered(llm.stream({ prompt: "Tea?" })), "user: Tea?");
  const controller = new AbortController();
  const parts = llm.stream({ prompt: "Tea?", signal: controller.signal });
  await parts.next();
  controller.abort();
  await parts.return();
  assert.equal(interrupted, 1);
});
