import { SmolRagError } from "../error.js";
import type { Completion, CompletionRequest, EmbeddingModel, JsonForm, LanguageModel } from "../types.js";
import { eventData } from "./event-stream.js";
import { Broken, Endpoint, type HttpOptions } from "./http.js";

/** A model behind an endpoint that speaks OpenAI's protocol. */
export interface OpenAICompatibleOptions extends HttpOptions {
  /**
   * Up to where `/chat/completions` and `/embeddings` begin: `https://api.openai.com/v1`,
   * `http://localhost:11434/v1` (Ollama), `http://localhost:1234/v1` (LM Studio), `https://openrouter.ai/api/v1`,
   * `https://api.cloudflare.com/client/v4/accounts/<id>/ai/v1` (Workers AI),
   * `https://<resource>.openai.azure.com/openai/deployments/<name>?api-version=<date>` (Azure).
   */
  baseURL: string;
  /** The model's name there. */
  model: string;
  /** What answers are kept under and a knowledge base belongs to; default: the model's name. */
  id?: string;
  /** Further fields of every request, such as `{ temperature: 0 }`. */
  body?: Readonly<Record<string, unknown>>;
}

/** A language model behind such an endpoint. */
export interface OpenAICompatibleModelOptions extends OpenAICompatibleOptions {
  /**
   * Ask for JSON where that helps: by its schema (`"schema"`: OpenAI, Azure, Ollama, LM Studio, vLLM, llama.cpp), or as JSON of
   * any form (`"object"`). Default: not at all, which every endpoint understands.
   */
  json?: "schema" | "object";
  /** Ask for token counts at the end of streams too (`stream_options.include_usage`), where the endpoint knows that; default false. */
  includeUsage?: boolean;
}

/** An embedding model behind such an endpoint. */
export interface OpenAICompatibleEmbedderOptions extends OpenAICompatibleOptions {
  /** Components of each vector. */
  dimensions: number;
  /** Ask the model for that many, as models that can shorten their vectors allow; default false. */
  shorten?: boolean;
  /** The most texts of one request; default 96. */
  maxBatch?: number;
}

interface EmbeddingReply {
  data?: { index?: number; embedding?: number[] }[];
  usage?: { prompt_tokens?: number } | null;
}

interface Choice {
  message?: { content?: unknown };
  delta?: { content?: unknown };
  finish_reason?: string | null;
}

interface Reply {
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  choices?: Choice[];
  error?: { message?: string } | string;
}

/**
 * A language model behind an endpoint that speaks OpenAI's protocol: OpenAI itself, Azure, Ollama, LM Studio, vLLM, llama.cpp,
 * OpenRouter, Workers AI and many more. Requests that fail for the moment are sent again.
 *
 * A key in a page is seen by its readers: put a server of yours between, or let readers bring their own.
 *
 * @example
 * const llm = openAICompatible({ baseURL: "http://localhost:11434/v1", model: "llama3.2" });
 */
export function openAICompatible(options: OpenAICompatibleModelOptions): LanguageModel {
  const endpoint = new Endpoint(options.baseURL, "chat/completions", options);
  const format = ({ name, schema }: JsonForm): Record<string, unknown> => options.json === "schema"
    ? { type: "json_schema", json_schema: { name, schema, strict: true } }
    : { type: "json_object" };
  const body = ({ system, prompt, json }: CompletionRequest, stream: boolean): Record<string, unknown> => ({
    ...options.body,
    model: options.model,
    messages: [...(system ? [{ role: "system", content: system }] : []), { role: "user", content: prompt }],
    ...(json && options.json ? { response_format: format(json) } : {}),
    ...(stream ? { stream, ...(options.includeUsage ? { stream_options: { include_usage: true } } : {}) } : {}),
  });
  return {
    id: options.id ?? options.model,
    json: options.json !== undefined,
    complete: (request) => endpoint.post(body(request, false), request.signal, async (response) => {
      const { choices, usage } = await json<Reply>(response);
      const text = choices?.[0]?.message?.content;
      if (typeof text !== "string") throw new SmolRagError("provider", "the provider's answer holds no text; is it a chat model?");
      return { text, usage: told(usage) };
    }),
    async *stream(request) {
      const { first, rest } = await endpoint.post(body(request, true), request.signal, begun);
      if (first !== undefined) yield first;
      yield* rest;
    },
  };
}

/**
 * An embedding model behind such an endpoint.
 *
 * @example
 * const embedder = openAICompatible.embedder({ baseURL: "https://api.openai.com/v1", apiKey, model: "text-embedding-3-small", dimensions: 1536 });
 */
openAICompatible.embedder = (options: OpenAICompatibleEmbedderOptions): EmbeddingModel => {
  const { dimensions, maxBatch = 96, model, shorten = false } = options;
  const endpoint = new Endpoint(options.baseURL, "embeddings", options);
  return {
    id: options.id ?? model,
    dimensions,
    maxBatch,
    embed(texts, { signal } = {}) {
      const body = { ...options.body, model, input: texts, encoding_format: "float", ...(shorten ? { dimensions } : {}) };
      return endpoint.post(body, signal, async (response) => {
        const { data, usage } = await json<EmbeddingReply>(response);
        if (!Array.isArray(data)) throw new SmolRagError("provider", "the provider's answer holds no vectors; is it an embedding model?");
        // The protocol numbers the vectors and promises no order.
        const vectors = data.map(({ index, embedding }, place) => ({ index: index ?? place, embedding }));
        return {
          vectors: vectors.sort((a, b) => a.index - b.index).map(({ embedding }) => embedding ?? []),
          usage: usage?.prompt_tokens === undefined ? undefined : { tokens: usage.prompt_tokens },
        };
      });
    },
  };
};

/** What the provider tells of a call's tokens, if it tells both. */
function told(usage: Reply["usage"]): Completion["usage"] {
  if (usage?.prompt_tokens === undefined || usage.completion_tokens === undefined) return undefined;
  return { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens };
}

async function json<T>(response: Response): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Broken("the provider's answer is no JSON; is the base URL right?");
  }
}

/** Waits for the first part, so that a stream that breaks before it can be asked for again. */
async function begun(response: Response): Promise<{ first: Part | undefined; rest: AsyncGenerator<Part, void, undefined> }> {
  const rest = parts(response);
  const { value, done } = await rest.next();
  return { first: done ? undefined : value, rest };
}

/** Of a stream: text, and with the last what the provider tells of the call. */
type Part = string | Completion;

async function* parts(response: Response): AsyncGenerator<Part, void, undefined> {
  if (!response.body) throw new Broken("the provider's answer is empty");
  let ended = false;
  let last: Completion["usage"];
  for await (const data of unbroken(eventData(response.body))) {
    if (data === "[DONE]") {
      ended = true;
      break;
    }
    const { choices, error, usage } = event(data);
    if (error !== undefined) throw new SmolRagError("provider", `the provider broke off: ${typeof error === "string" ? error : error.message ?? "no reason given"}`);
    const choice = choices?.[0];
    if (typeof choice?.delta?.content === "string" && choice.delta.content !== "") yield choice.delta.content;
    ended ||= Boolean(choice?.finish_reason);
    // In an event of its own behind the last part, where it was asked for or is told anyway; some repeat it in every event.
    last = told(usage) ?? last;
  }
  // Servers that leave out [DONE] say at least why they finished.
  if (!ended) throw new Broken("the provider's answer was cut off");
  if (last) yield { text: "", usage: last };
}

/** A connection that breaks says so in every host with another error. */
async function* unbroken<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (thrown) {
    throw new Broken(`the provider's answer was cut off: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function event(data: string): Reply {
  try {
    return JSON.parse(data) as Reply;
  } catch {
    throw new Broken("the provider's stream holds what is no JSON");
  }
}
