// The engine in this thread.
import type { Emit, Engine, Method } from "./engine.js";
import { SmolRagError } from "./error.js";
import { embeddingTable } from "./host.js";
import { Hints } from "./hints.js";
import { instance, type Instance } from "./instance.js";
import { MemoryStorage } from "./memory.js";
import type { AnswerPart, CallOptions, OpenOptions, QueryOptions, StaticTable, Stats } from "./types.js";
import type { Core, Parts } from "./wasm/smolrag.js";

/**
 * The built-in embedding model, for hosts that do not load its table by themselves. In a Worker:
 *
 * @example
 * import table from "smolrag/embedding.bin"; // a rule of type "Data" for **\/*.bin
 * const rag = await SmolRag.open({ embedder: staticEmbedder(table) });
 */
export function staticEmbedder(table: ArrayBuffer | Uint8Array): StaticTable {
  return { table: table instanceof Uint8Array ? table : new Uint8Array(table) };
}

/** The built-in table where the host supplies it, else no embedder. */
async function defaultEmbedder(): Promise<StaticTable | "none"> {
  const table = await embeddingTable();
  return table ? staticEmbedder(table) : "none";
}

/** What calls on a closed instance reject with. */
export function closed(): SmolRagError {
  return new SmolRagError("closed", "the instance is closed; open it again");
}

interface Opened {
  instance: Instance;
  core: Core;
}

/** A core of the wasm instance; of the next one when that fails, opened again from its storage by the next call. */
export class LocalEngine implements Engine {
  #options: OpenOptions;
  readonly #emit: Emit;
  /** Undefined where nobody else can have the storage. */
  readonly #hints: Hints | undefined;
  #opened: Opened | undefined;
  #opening: Promise<Opened> | undefined;
  #closed = false;

  private constructor(options: OpenOptions, emit: Emit) {
    this.#options = options;
    if (!(options.storage instanceof MemoryStorage)) this.#hints = new Hints(options.name ?? "default", () => this.#follow());
    this.#emit = (type, event) => {
      if (type === "commit") this.#hints?.tell();
      emit(type, event);
    };
  }

  static async open(options: OpenOptions, emit: Emit): Promise<LocalEngine> {
    const { embedder = await defaultEmbedder() } = options;
    const engine = new LocalEngine({ ...options, embedder }, emit);
    try {
      await engine.#open();
    } catch (error) {
      engine.#hints?.close();
      throw error;
    }
    return engine;
  }

  async call(method: Method, parameters: unknown[], options?: CallOptions): Promise<unknown> {
    if (method === "close" && this.#closed) return undefined;
    if (method === "reembed") parameters = [parameters[0] ?? (await defaultEmbedder())];
    // Nothing is awaited where the core is at hand: calls reach its queue in the order in which they are made.
    const { instance, core } = this.#live() ?? (await this.#open());
    const call = core[method] as (...parameters: unknown[]) => Promise<unknown>;
    const result = await instance.call(() => call.call(core, ...parameters, options));
    if (method === "close") this.#free(core);
    if (method === "reembed") this.#options = { ...this.#options, embedder: parameters[0] as NonNullable<OpenOptions["embedder"]> };
    return result;
  }

  async *stream(question: string, options: QueryOptions): AsyncGenerator<AnswerPart, void, undefined> {
    const { instance, core } = this.#live() ?? (await this.#open());
    const parts = instance.callSync<Parts>(() => core.stream(question, options));
    try {
      for (;;) {
        const part = await instance.call<AnswerPart | undefined>(() => parts.next());
        if (part === undefined) return;
        yield part;
      }
    } finally {
      parts.free();
    }
  }

  stats(): Stats {
    const opened = this.#live();
    if (opened) return opened.instance.callSync(() => opened.core.stats());
    if (this.#closed) throw closed();
    // Whoever calls next is told if that fails.
    this.#open().catch(() => undefined);
    throw new SmolRagError("internal", "smolrag failed and is being opened again; await any call, then ask again");
  }

  #live(): Opened | undefined {
    return this.#opened?.instance.failed ? undefined : this.#opened;
  }

  /** What others have committed. An instance that has failed finds it when it opens again. */
  async #follow(): Promise<void> {
    const opened = this.#live();
    if (opened) await opened.instance.call(() => opened.core.refresh());
  }

  #free(core: Core): void {
    // Two calls to close may end together.
    if (!this.#closed) core.free();
    this.#hints?.close();
    this.#closed = true;
    this.#opened = undefined;
  }

  /** Calls that come meanwhile wait for the same attempt, and go on in their order. */
  #open(): Promise<Opened> {
    if (this.#closed) return Promise.reject(closed());
    this.#opening ??= this.#attempt().then(
      (opened) => {
        [this.#opened, this.#opening] = [opened, undefined];
        return opened;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #attempt(): Promise<Opened> {
    const current = await instance();
    const core = await current.call<Core>(() => current.bindings.Core.open(this.#options, this.#emit));
    return { instance: current, core };
  }
}
