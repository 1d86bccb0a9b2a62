// Models of the Vercel AI SDK, recognised by their shape: no dependency, whatever version of its specification.
import { SmolRagError } from "../error.js";
import type { Completion, CompletionRequest, EmbeddingModel, LanguageModel, Reranker } from "../types.js";
import { retryAfter } from "./http.js";

/** The part of `LanguageModelV2`, `V3` and `V4` that is used. */
export interface AISDKLanguageModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: AISDKCall): PromiseLike<{ content: readonly { type: string; text?: string }[]; usage?: AISDKUsage }>;
  doStream(options: AISDKCall): PromiseLike<{ stream: ReadableStream<{ type: string; delta?: unknown; error?: unknown; usage?: AISDKUsage }> }>;
}

/** The part of `EmbeddingModelV2`, `V3` and `V4` that is used. */
export interface AISDKEmbeddingModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number | undefined | PromiseLike<number | undefined>;
  doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): PromiseLike<{ embeddings: number[][]; usage?: { tokens: number } | undefined }>;
}

/** The part of `RerankingModelV3` and `V4` that is used. */
export interface AISDKRerankingModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  doRerank(options: { documents: { type: "text"; values: string[] }; query: string; topN?: number; abortSignal?: AbortSignal }): PromiseLike<{ ranking: { index: number; relevanceScore: number }[] }>;
}

/** Plain numbers in `V2`, broken down in `V3` and `V4`. */
export interface AISDKUsage {
  readonly inputTokens: number | { readonly total: number | undefined } | undefined;
  readonly outputTokens: number | { readonly total: number | undefined } | undefined;
}

/** What a call of the specification takes; what is not set here is left to the model. */
export interface AISDKCall {
  prompt: ({ role: "system"; content: string } | { role: "user"; content: { type: "text"; text: string }[] })[];
  responseFormat?: { type: "json"; schema: Record<string, unknown>; name: string };
  abortSignal?: AbortSignal;
}

const versions = ["v2", "v3", "v4"];

/**
 * A language model of the Vercel AI SDK, from any of its providers. Retries are the provider's.
 *
 * @example
 * import { anthropic } from "@ai-sdk/anthropic";
 * const llm = fromAISDK(anthropic("claude-haiku-4-5"));
 *
 * @param options `json`: ask for JSON by its schema where that helps; for models of providers that offer it.
 */
export function fromAISDK(model: AISDKLanguageModel, options?: { json?: boolean }): LanguageModel;
/**
 * An embedding model of the Vercel AI SDK. `dimensions` must be said: the specification does not know them.
 *
 * @example
 * const embedder = fromAISDK(openai.textEmbeddingModel("text-embedding-3-small"), { dimensions: 1536 });
 */
export function fromAISDK(model: AISDKEmbeddingModel, options: { dimensions: number }): EmbeddingModel;
/**
 * A reranking model of the Vercel AI SDK.
 *
 * @example
 * const rerank = fromAISDK(cohere.reranking("rerank-v3.5"));
 */
export function fromAISDK(model: AISDKRerankingModel): Reranker;
export function fromAISDK(
  model: AISDKLanguageModel | AISDKEmbeddingModel | AISDKRerankingModel,
  options: { dimensions?: number; json?: boolean } = {},
): LanguageModel | EmbeddingModel | Reranker {
  if (!isObject(model) || !versions.includes(model.specificationVersion)) {
    throw new SmolRagError("invalid-argument", `fromAISDK takes a model object of the AI SDK, specification ${versions.join(", ")}`);
  }
  if ("doEmbed" in model) return embedding(model, options.dimensions);
  if ("doRerank" in model) return reranking(model);
  if ("doGenerate" in model && "doStream" in model) return language(model, options.json ?? false);
  throw new SmolRagError("invalid-argument", "fromAISDK takes a language model, an embedding model or a reranking model");
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
const nameOf = ({ provider, modelId }: { provider: string; modelId: string }): string => `${provider}:${modelId}`;

function call({ system, prompt, json, signal }: CompletionRequest): AISDKCall {
  return {
    prompt: [
      ...(system ? [{ role: "system" as const, content: system }] : []),
      { role: "user", content: [{ type: "text", text: prompt }] },
    ],
    ...(json ? { responseFormat: { type: "json" as const, schema: json.schema, name: json.name } } : {}),
    ...(signal ? { abortSignal: signal } : {}),
  };
}

/** What the provider tells of a call's tokens, if it tells both. */
function told(usage: AISDKUsage | undefined): Completion["usage"] {
  const total = (tokens: AISDKUsage["inputTokens"]): number | undefined => (typeof tokens === "object" ? tokens.total : tokens);
  const [promptTokens, completionTokens] = [total(usage?.inputTokens), total(usage?.outputTokens)];
  return promptTokens === undefined || completionTokens === undefined ? undefined : { promptTokens, completionTokens };
}

function language(model: AISDKLanguageModel, json: boolean): LanguageModel {
  return {
    id: nameOf(model),
    json,
    async complete(request) {
      const { content, usage } = await named(model.doGenerate(call(request)));
      return { text: content.map((part) => (part.type === "text" ? part.text ?? "" : "")).join(""), usage: told(usage) };
    },
    async *stream(request) {
      const { stream } = await named(model.doStream(call(request)));
      const reader = stream.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          if (value.type === "error") throw explained(value.error);
          if (value.type === "text-delta" && typeof value.delta === "string") yield value.delta;
          if (value.type === "finish") yield { text: "", usage: told(value.usage) };
        }
      } finally {
        reader.cancel().catch(() => undefined);
      }
    },
  };
}

function embedding(model: AISDKEmbeddingModel, dimensions: number | undefined): EmbeddingModel {
  if (dimensions === undefined) throw new SmolRagError("invalid-argument", "an embedding model of the AI SDK needs { dimensions }");
  return {
    id: nameOf(model),
    dimensions,
    async embed(texts, { signal } = {}) {
      const most = (await model.maxEmbeddingsPerCall) ?? texts.length;
      const vectors: number[][] = [];
      let tokens: number | undefined = 0;
      for (let at = 0; at < texts.length; at += most) {
        const values = texts.slice(at, at + most);
        const { embeddings, usage } = await named(model.doEmbed({ values, ...(signal ? { abortSignal: signal } : {}) }));
        vectors.push(...embeddings);
        tokens = usage && tokens !== undefined && usage.tokens >= 0 ? tokens + usage.tokens : undefined;
      }
      return { vectors, usage: tokens === undefined ? undefined : { tokens } };
    },
  };
}

function reranking(model: AISDKRerankingModel): Reranker {
  return {
    id: nameOf(model),
    async rerank({ query, documents, topK, signal }) {
      const { ranking } = await named(model.doRerank({
        query, documents: { type: "text", values: documents }, topN: topK, ...(signal ? { abortSignal: signal } : {}),
      }));
      return ranking.map(({ index, relevanceScore }) => ({ index, score: relevanceScore }));
    },
  };
}

async function named<T>(result: PromiseLike<T>): Promise<T> {
  try {
    return await result;
  } catch (thrown) {
    throw explained(thrown);
  }
}

/** The SDK's errors know a status and headers; here they are called as everywhere else in this package. */
function explained(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !("statusCode" in thrown)) return thrown;
  const { statusCode, responseHeaders } = thrown as { statusCode?: number; responseHeaders?: Record<string, string> };
  return new SmolRagError("provider", thrown.message, { status: statusCode, retryAfter: retryAfter(new Headers(responseHeaders)), cause: thrown });
}
