// The engine in a dedicated worker. What the user brought (models, a storage, a splitter, listeners) stays in this
// thread and is called from there.
import type { Emit, Engine, Method } from "./engine.js";
import { SmolRagError } from "./error.js";
import { host } from "./host.js";
import { closed } from "./local.js";
import { Peer } from "./rpc.js";
import type {
  AnswerPart, CallOptions, CompletionRequest, EmbeddingModel, IngestOptions, OpenOptions, OpenProgress, Progress,
  QueryOptions, StorageAdapter, Stats,
} from "./types.js";

/** An object that stays in its own thread: what can be read of it, and what can be called. */
export interface Remote {
  fields: Record<string, unknown>;
  methods: string[];
  number?: number;
}

/** What is no object goes over as it is, and is refused there. */
function remote(object: unknown, fields: string[], methods: string[]): unknown {
  if (typeof object !== "object" || object === null) return object;
  const record = object as Record<string, unknown>;
  return {
    fields: Object.fromEntries(fields.map((name) => [name, record[name]])),
    methods: methods.filter((name) => typeof record[name] === "function"),
  } satisfies Remote;
}

/** Options as they go to the worker. */
function sent(options: OpenOptions): Record<string, unknown> {
  const { llm, embedder, storage, excerpts, worker: _, onProgress: __, ...plain } = options;
  const { strategy, ...sizes } = excerpts ?? {};
  return {
    ...plain,
    llm: remote(llm, ["id"], ["complete", "stream"]),
    embedder: sentEmbedder(embedder, 0),
    storage: remote(storage, [], ["open", "read", "commit", "close"]),
    excerpts: excerpts && { ...sizes, strategy: typeof strategy === "function" ? { fields: {}, methods: ["split"] } : strategy },
  };
}

/** `number` tells one embedder from another while both are in use. */
function sentEmbedder(embedder: unknown, number: number): unknown {
  if (typeof embedder !== "object" || embedder === null || "table" in embedder) return embedder;
  const sent = remote(embedder, ["id", "dimensions", "maxBatch"], ["embed"]) as Remote;
  return { ...sent, number };
}

/** An error of the other side as one of the package's. */
function received(error: unknown): SmolRagError {
  if (error instanceof Error && error.name === "DataCloneError") {
    return new SmolRagError("invalid-argument", `with the option worker, arguments must be plain data: ${error.message}`, { cause: error });
  }
  return SmolRagError.from(error);
}

export class RemoteEngine implements Engine {
  #options: OpenOptions;
  readonly #emit: Emit;
  /** By the numbers they were sent with. */
  #embedders: unknown[] = [];
  readonly #progress = new Map<number, (progress: Progress) => void>();
  #nextProgress = 0;
  #peer: Peer | undefined;
  #opening: Promise<Peer> | undefined;
  #stats: Stats | undefined;
  #closed = false;

  private constructor(options: OpenOptions, emit: Emit) {
    this.#options = options;
    this.#emit = emit;
  }

  static async open(options: OpenOptions, emit: Emit): Promise<RemoteEngine> {
    const engine = new RemoteEngine(options, emit);
    await engine.#open();
    return engine;
  }

  async call(method: Method, parameters: unknown[], options?: IngestOptions): Promise<unknown> {
    if (this.#closed && method === "close") return undefined;
    const peer = this.#live() ?? (await this.#open());
    if (method === "close") return this.#close(peer, parameters);
    const [embedder] = parameters;
    if (method === "reembed") parameters = [sentEmbedder(embedder, this.#embedders.push(embedder) - 1)];
    const { plain, signal, onProgress } = detached(options);
    const progress = onProgress && this.#nextProgress++;
    if (progress !== undefined) this.#progress.set(progress, onProgress!);
    try {
      const result = await peer.call(method, [...parameters, plain, progress], signal);
      if (method === "reembed") this.#options = { ...this.#options, embedder: embedder as NonNullable<OpenOptions["embedder"]> };
      return result;
    } catch (error) {
      throw received(error);
    } finally {
      if (progress !== undefined) this.#progress.delete(progress);
    }
  }

  async *stream(question: string, options: QueryOptions): AsyncGenerator<AnswerPart, void, undefined> {
    const peer = this.#live() ?? (await this.#open());
    const { plain, signal } = detached(options);
    try {
      yield* peer.iterate<AnswerPart>("stream", [question, plain], signal);
    } catch (error) {
      throw received(error);
    }
  }

  /** As the worker last told them: after every write, and otherwise ten times a second. */
  stats(): Stats {
    if (this.#closed) throw closed();
    return this.#stats!;
  }

  #live(): Peer | undefined {
    return this.#peer?.failure ? undefined : this.#peer;
  }

  #open(): Promise<Peer> {
    if (this.#closed) return Promise.reject(closed());
    this.#opening ??= this.#attempt().then(
      (peer) => {
        [this.#peer, this.#opening] = [peer, undefined];
        return peer;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw received(error);
      },
    );
    return this.#opening;
  }

  async #attempt(): Promise<Peer> {
    const port = host().startWorker?.();
    if (!port) throw new SmolRagError("invalid-argument", "this host has no workers; open without the option worker");
    const peer = new Peer(port, (method, parameters, signal) => this.#serve(method, parameters, signal));
    try {
      this.#embedders = [this.#options.embedder];
      await peer.call("open", [sent(this.#options)]);
    } catch (error) {
      peer.end(new Error("the knowledge base could not be opened"));
      throw error;
    }
    return peer;
  }

  async #close(peer: Peer, parameters: unknown[]): Promise<void> {
    try {
      await peer.call("close", parameters);
    } catch (error) {
      throw received(error);
    }
    this.#closed = true;
    peer.end(new Error("closed"));
  }

  /** What the worker asks of this thread. */
  #serve(method: string, parameters: unknown[], signal: AbortSignal): unknown {
    const { llm, storage, excerpts, onProgress } = this.#options;
    const [first, second] = parameters;
    switch (method) {
      case "stats":
        return void (this.#stats = first as Stats);
      case "event":
        return this.#emit(...(parameters as Parameters<Emit>));
      case "opening":
        return onProgress?.(first as OpenProgress);
      case "progress":
        return this.#progress.get(first as number)?.(second as Progress);
      case "llm.complete":
        return llm!.complete({ ...(first as CompletionRequest), signal });
      case "llm.stream":
        return llm!.stream!({ ...(first as CompletionRequest), signal });
      case "embedder.embed":
        return (this.#embedders[second as number] as EmbeddingModel).embed(first as string[], { signal });
      case "excerpts.split":
        return (excerpts!.strategy as (text: string) => string[])(first as string);
    }
    const name = method.replace("storage.", "") as keyof StorageAdapter;
    return (storage as unknown as Record<string, (...parameters: unknown[]) => unknown>)[name]!(...parameters);
  }
}

/** Call options without what cannot be sent. */
function detached(options: CallOptions & IngestOptions = {}): {
  plain: unknown;
  signal: AbortSignal | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
} {
  if (typeof options !== "object" || options === null) return { plain: options, signal: undefined, onProgress: undefined };
  const { signal, onProgress, ...plain } = options;
  return { plain, signal, onProgress };
}

