// Models of the Vercel AI SDK, recognised by their shape: no dependency, whatever version of its specification.
import { SmolRagError } from "../error.js";
import type { CompletionRequest, EmbeddingModel, LanguageModel } from "../types.js";
import { retryAfter } from "./http.js";

/** The part of `LanguageModelV2`, `V3` and `V4` that is used. */
export interface AISDKLanguageModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: AISDKCall): PromiseLike<{ content: readonly { type: string; text?: string }[] }>;
  doStream(options: AISDKCall): PromiseLike<{ stream: ReadableStream<{ type: string; delta?: unknown; error?: unknown }> }>;
}

/** The part of `EmbeddingModelV2`, `V3` and `V4` that is used. */
export interface AISDKEmbeddingModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number | undefined | PromiseLike<number | undefined>;
  doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): PromiseLike<{ embeddings: number[][] }>;
}

/** What a call of the specification takes; what is not set here is left to the model. */
export interface AISDKCall {
  prompt: ({ role: "system"; content: string } | { role: "user"; content: { type: "text"; text: string }[] })[];
  abortSignal?: AbortSignal;
}

const versions = ["v2", "v3", "v4"];

/**
 * A language model of the Vercel AI SDK, from any of its providers. Retries are the provider's.
 *
 * @example
 * import { anthropic } from "@ai-sdk/anthropic";
 * const llm = fromAISDK(anthropic("claude-haiku-4-5"));
 */
export function fromAISDK(model: AISDKLanguageModel): LanguageModel;
/**
 * An embedding model of the Vercel AI SDK. `dimensions` must be said: the specification does not know them.
 *
 * @example
 * const embedder = fromAISDK(openai.textEmbeddingModel("text-embedding-3-small"), { dimensions: 1536 });
 */
export function fromAISDK(model: AISDKEmbeddingModel, options: { dimensions: number }): EmbeddingModel;
export function fromAISDK(model: AISDKLanguageModel | AISDKEmbeddingModel, options?: { dimensions: number }): LanguageModel | EmbeddingModel {
  if (!isObject(model) || !versions.includes(model.specificationVersion)) {
    throw new SmolRagError("invalid-argument", `fromAISDK takes a model object of the AI SDK, specification ${versions.join(", ")}`);
  }
  if ("doEmbed" in model) return embedding(model, options?.dimensions);
  if ("doGenerate" in model && "doStream" in model) return language(model);
  throw new SmolRagError("invalid-argument", "fromAISDK takes a language model or an embedding model");
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
const nameOf = ({ provider, modelId }: { provider: string; modelId: string }): string => `${provider}:${modelId}`;

function call({ system, prompt, signal }: CompletionRequest): AISDKCall {
  return {
    prompt: [
      ...(system ? [{ role: "system" as const, content: system }] : []),
      { role: "user", content: [{ type: "text", text: prompt }] },
    ],
    ...(signal ? { abortSignal: signal } : {}),
  };
}

function language(model: AISDKLanguageModel): LanguageModel {
  return {
    id: nameOf(model),
    async complete(request) {
      const { content } = await named(model.doGenerate(call(request)));
      return content.map((part) => (part.type === "text" ? part.text ?? "" : "")).join("");
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
      for (let at = 0; at < texts.length; at += most) {
        const values = texts.slice(at, at + most);
        vectors.push(...(await named(model.doEmbed({ values, ...(signal ? { abortSignal: signal } : {}) }))).embeddings);
      }
      return vectors;
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
