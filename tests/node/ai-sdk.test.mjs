// The AI SDK's own provider for OpenAI's protocol, through `fromAISDK`, in each version of its specification.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after, test } from "node:test";

import { createOpenAICompatible as v3 } from "@ai-sdk/openai-compatible";
import { createOpenAICompatible as v2 } from "openai-compatible-v2";
import { createOpenAICompatible as v4 } from "openai-compatible-v4";

import { SmolRag, SmolRagError, fromAISDK } from "../../pkg/node.js";
import { startOpenAIServer, told, vectorSize as dimensions } from "../support/openai-server.mjs";

const server = await startOpenAIServer();
after(() => server.close());

const tea = "# Tea\n\nSencha is steamed. Matcha is ground.\n";

for (const [version, create] of Object.entries({ v2, v3, v4 })) {
  const provider = (way) => create({ name: "test", baseURL: `${server.url}/${way}.${version}/v1`, apiKey: "sk-secret" });
  const requests = async (way) => (await fetch(`${server.url}/${way.includes(".") ? `${way}-${version}` : `${way}.${version}`}/requests`)).json();

  test(`specification ${version}: reads, embeds, answers and streams`, async () => {
    const model = provider("well").chatModel("chat");
    assert.equal(model.specificationVersion, version);
    const llm = fromAISDK(model);
    const embedder = fromAISDK(provider("well").textEmbeddingModel("vectors"), { dimensions });
    assert.deepEqual([llm.id, embedder.id], ["test.chat:chat", "test.embedding:vectors"]);
    const rag = await SmolRag.open({ storage: "memory", llm, embedder });
    const { failed, usage } = await rag.ingest([{ source: "tea.md", text: tea }]);
    assert.deepEqual(failed, []);
    const texts = (await requests("well")).flatMap(({ body }) => body.input ?? []).length;
    assert.deepEqual([usage.promptTokens, usage.completionTokens, usage.embeddingTokens, usage.estimated],
      [told.prompt * usage.calls, told.completion * usage.calls, told.text * texts, false]);
    assert.ok(await rag.entity("Matcha"));
    const answer = await rag.query("How is sencha made?");
    assert.equal(answer.text, "Sencha is steamed, *naïvely* spoken 🍵 [1].");
    let streamed = "";
    for await (const part of rag.stream("How is matcha made?")) if (part.type === "text") streamed += part.text;
    assert.equal(streamed, answer.text);
    await rag.close();
  });

  test(`specification ${version}: entities as JSON by a schema`, async () => {
    const { chatModel } = create({ name: "test", baseURL: `${server.url}/well.json-${version}/v1`, supportsStructuredOutputs: true });
    const rag = await SmolRag.open({ storage: "memory", llm: fromAISDK(chatModel("chat"), { json: true }) });
    assert.deepEqual((await rag.ingest([{ source: "tea.md", text: tea }])).failed, []);
    assert.ok(await rag.entity("Matcha"));
    const formats = (await requests("well.json")).flatMap(({ body }) => body.response_format ?? []);
    assert.ok(formats.length > 0);
    for (const { type, json_schema } of formats) assert.deepEqual([type, json_schema.schema.type], ["json_schema", "object"]);
    await rag.close();
  });

  test(`specification ${version}: a refusal keeps its status, a signal reaches the provider`, async () => {
    const refused = fromAISDK(provider("refused-401").chatModel("chat"));
    await assert.rejects(refused.complete({ prompt: "?" }), (error) => error instanceof SmolRagError && error.code === "provider" && error.status === 401);
    const controller = new AbortController();
    const slow = fromAISDK(provider("slow").chatModel("chat")).complete({ prompt: "?", signal: controller.signal });
    while ((await requests("slow")).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    await assert.rejects(slow, { name: "AbortError" });
    while (!(await requests("slow"))[0].aborted) await new Promise((resolve) => setTimeout(resolve, 10));
  });
}

for (const specificationVersion of ["v3", "v4"]) test(`a reranking model of specification ${specificationVersion}`, async () => {
  let refuses = false;
  const asked = [];
  const rerank = fromAISDK({
    specificationVersion, provider: "test", modelId: "judge",
    async doRerank({ documents, query, topN, abortSignal }) {
      asked.push([documents.type, query, topN, abortSignal instanceof AbortSignal]);
      if (refuses) throw Object.assign(new Error("slow down"), { statusCode: 429, responseHeaders: { "retry-after": "7" } });
      return { ranking: documents.values.map((text, index) => ({ index, relevanceScore: text.includes("Matcha") ? 0.9 : 0.1 })) };
    },
  });
  assert.equal(rerank.id, "test:judge");
  const rag = await SmolRag.open({ storage: "memory", rerank });
  await rag.ingest([{ source: "tea.md", text: "Sencha is steamed." }, { source: "matcha.md", text: "Matcha is ground, Sencha is not." }]);
  const { excerpts: [first] } = await rag.retrieve("Sencha is steamed.", { mode: "standard", topK: 2 });
  assert.deepEqual([first.source, first.score, asked], ["matcha.md", 0.9, [["text", "Sencha is steamed.", 2, true]]]);
  refuses = true;
  await assert.rejects(rag.retrieve("Sencha?"), { code: "provider", status: 429, retryAfter: 7 });
  await rag.close();
});

test("an embedding model needs its dimensions", () => {
  const model = v3({ name: "test", baseURL: server.url }).textEmbeddingModel("vectors");
  assert.throws(() => fromAISDK(model), { code: "invalid-argument" });
});

test("the SDK's models are taken without a cast", () => {
  const path = (name) => fileURLToPath(new URL(name, import.meta.url));
  execFileSync(path("../../node_modules/.bin/tsc"), [
    "--ignoreConfig", "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
    "--lib", "es2023,dom,dom.iterable,dom.asynciterable,esnext.disposable", "--types", "node", path("ai-sdk.types.ts"),
  ], { encoding: "utf8" });
});
