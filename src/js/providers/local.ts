// Models that run on the reader's machine.
import { SmolRagError } from "../error.js";
import type { CompletionRequest, EmbeddingModel, LanguageModel } from "../types.js";

/** The part of the Prompt API that is used. */
interface PromptSession {
  prompt(text: string, options: { signal?: AbortSignal; responseConstraint?: object }): Promise<string>;
  promptStreaming(text: string, options: { signal?: AbortSignal }): ReadableStream<string>;
  destroy(): void;
}

interface PromptApi {
  availability(): Promise<"unavailable" | "downloadable" | "downloading" | "available">;
  create(options: {
    initialPrompts?: { role: "system"; content: string }[];
    monitor?: (monitor: EventTarget) => void;
    signal?: AbortSignal;
  }): Promise<PromptSession>;
}

/**
 * The language model that comes with the browser, through the Prompt API. Rejects with `invalid-argument` where the browser has none;
 * downloads it first where it is not there yet, and tells `onDownload` the share that is, from 0 to 1. With `json`, it is
 * held to a schema where that helps.
 *
 * @see https://github.com/webmachinelearning/prompt-api
 */
export async function chromeLanguageModel(
  { onDownload, json = false }: { onDownload?: (share: number) => void; json?: boolean } = {},
): Promise<LanguageModel> {
  const api = (globalThis as { LanguageModel?: PromptApi }).LanguageModel;
  if (!api || (await api.availability()) === "unavailable") {
    throw new SmolRagError("invalid-argument", "this browser has no language model of its own; leave out llm, or pass another");
  }
  const monitor = (events: EventTarget): void => {
    events.addEventListener("downloadprogress", (event) => onDownload?.((event as ProgressEvent).loaded));
  };
  (await api.create({ monitor })).destroy();
  const begin = ({ system, signal }: CompletionRequest): Promise<PromptSession> => api.create({
    ...(system ? { initialPrompts: [{ role: "system", content: system }] } : {}),
    ...(signal ? { signal } : {}),
  });
  const options = ({ signal, json }: CompletionRequest): { signal?: AbortSignal; responseConstraint?: object } => ({
    ...(signal ? { signal } : {}),
    ...(json ? { responseConstraint: json.schema } : {}),
  });
  return {
    id: "browser",
    json,
    // A session remembers what was said; questions here have nothing to do with each other.
    async complete(request) {
      const session = await begin(request);
      try {
        return await session.prompt(request.prompt, options(request));
      } finally {
        session.destroy();
      }
    },
    async *stream(request) {
      const session = await begin(request);
      try {
        const reader = session.promptStreaming(request.prompt, options(request)).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
      } finally {
        session.destroy();
      }
    },
  };
}

/** A `feature-extraction` pipeline of Transformers.js, as far as it is used. */
export interface FeatureExtractionPipeline {
  (texts: string[], options: { pooling: "mean" | "cls"; normalize: boolean }): Promise<{ dims: number[]; data: ArrayLike<number> }>;
  readonly model?: { readonly config?: { readonly hidden_size?: number; readonly _name_or_path?: string } };
}

/**
 * An embedding model that Transformers.js runs.
 *
 * @example
 * import { pipeline } from "@huggingface/transformers";
 * const embedder = transformersEmbedder(await pipeline("feature-extraction", "Xenova/all-MiniLM-L6-v2"));
 */
export function transformersEmbedder(
  pipeline: FeatureExtractionPipeline,
  options: { id?: string; dimensions?: number; maxBatch?: number; pooling?: "mean" | "cls" } = {},
): EmbeddingModel {
  const config = pipeline.model?.config;
  const { id = config?._name_or_path, dimensions = config?.hidden_size, maxBatch = 16, pooling = "mean" } = options;
  if (!id || !dimensions) {
    throw new SmolRagError("invalid-argument", "the pipeline does not say its model's name or size; pass { id, dimensions }");
  }
  return {
    id,
    dimensions,
    maxBatch,
    async embed(texts) {
      const { data, dims } = await pipeline(texts, { pooling, normalize: true });
      const size = dims.at(-1) ?? 0;
      const all = Array.from(data);
      return texts.map((_, index) => all.slice(index * size, (index + 1) * size));
    },
  };
}

/** An engine of WebLLM, as far as it is used. */
export interface WebLLMEngine {
  readonly chat: {
    readonly completions: {
      create(request: { messages: { role: "system" | "user"; content: string }[]; stream: false }): Promise<{ choices: { message: { content: string | null } }[] }>;
      create(request: { messages: { role: "system" | "user"; content: string }[]; stream: true }): Promise<AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>>;
    };
  };
  interruptGenerate(): void;
}

/**
 * A language model that WebLLM runs. It answers one question at a time; open with `limits: { llmConcurrency: 1 }`.
 *
 * @example
 * const llm = webLLM(await CreateMLCEngine("Llama-3.2-1B-Instruct-q4f16_1-MLC"), { id: "Llama-3.2-1B" });
 */
export function webLLM(engine: WebLLMEngine, { id }: { id: string }): LanguageModel {
  const messages = ({ system, prompt }: CompletionRequest): { role: "system" | "user"; content: string }[] => [
    ...(system ? [{ role: "system" as const, content: system }] : []),
    { role: "user", content: prompt },
  ];
  /** The engine knows no signals: it is told to stop. */
  const listen = ({ signal }: CompletionRequest): (() => void) => {
    const stop = (): void => engine.interruptGenerate();
    signal?.addEventListener("abort", stop);
    return () => signal?.removeEventListener("abort", stop);
  };
  return {
    id,
    async complete(request) {
      const unlisten = listen(request);
      try {
        const { choices } = await engine.chat.completions.create({ messages: messages(request), stream: false });
        return choices[0]?.message.content ?? "";
      } finally {
        unlisten();
      }
    },
    async *stream(request) {
      const unlisten = listen(request);
      try {
        for await (const { choices } of await engine.chat.completions.create({ messages: messages(request), stream: true })) {
          const text = choices[0]?.delta.content;
          if (text) yield text;
        }
      } finally {
        unlisten();
      }
    },
  };
}
