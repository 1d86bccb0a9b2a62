import type { Engine, Method } from "./engine.js";
import { SmolRagError } from "./error.js";
import { LocalEngine } from "./local.js";
import { MemoryStorage } from "./memory.js";
import { RemoteEngine } from "./remote.js";
import type {
  Answer, AnswerPart, CallOptions, Document, DocumentInfo, EntityInfo, Events, GraphOptions, GraphView,
  IngestOptions, IngestReport, KindStatistics, OpenOptions, Progress, QueryOptions, RelationshipInfo, Retrieved, RetrieveOptions, Stats,
} from "./types.js";

/** Who listens to what. A listener that throws is reported as uncaught and disturbs nobody. */
class Listeners {
  readonly #byType = new Map<keyof Events, Set<(event: never) => void>>();

  add<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): () => void {
    const listeners = this.#byType.get(type) ?? new Set();
    this.#byType.set(type, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  readonly emit = <K extends keyof Events>(type: K, event: Events[K]): void => {
    for (const listener of this.#byType.get(type) ?? []) guarded(listener as (event: Events[K]) => void)(event);
  };
}

/** The callback, its exceptions thrown where nothing of ours runs. */
function guarded<T>(callback: (value: T) => void): (value: T) => void {
  return (value) => {
    try {
      callback(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}

/**
 * A knowledge base: documents in, cited answers out.
 *
 * Any number of calls may be under way at once; each sees one consistent version.
 *
 * @example
 * const rag = await SmolRag.open({ name: "handbook" });
 * await rag.ingest([{ source: "guide.md", text }]);
 * const { text, references } = await rag.query("how are excerpts made?");
 */
export class SmolRag {
  readonly #engine: Engine;
  readonly #listeners: Listeners;

  private constructor(engine: Engine, listeners: Listeners) {
    this.#engine = engine;
    this.#listeners = listeners;
  }

  /** Opens, and creates where there is none, the knowledge base of that name. */
  static async open(options: OpenOptions = {}): Promise<SmolRag> {
    const listeners = new Listeners();
    const kind = options.worker ? RemoteEngine : LocalEngine;
    const { storage = "indexedDB" in globalThis ? "indexeddb" : "memory" } = options;
    try {
      const engine = await kind.open({ ...options, storage: storage === "memory" ? new MemoryStorage() : storage }, listeners.emit);
      return new SmolRag(engine, listeners);
    } catch (thrown) {
      throw SmolRagError.from(thrown);
    }
  }

  /**
   * Adds documents, and updates those whose source is known. Each becomes visible whole, in one
   * commit; one that fails is in the report and leaves its earlier version answering. Cancelled,
   * the documents committed by then stay, and are `unchanged` when the call is made again.
   */
  async ingest(documents: Document[], options: IngestOptions = {}): Promise<IngestReport> {
    const onProgress = (progress: Progress): void => {
      this.#listeners.emit("progress", progress);
      if (options.onProgress) guarded(options.onProgress)(progress);
    };
    if (options.onProgress !== undefined && typeof options.onProgress !== "function") {
      throw new SmolRagError("invalid-argument", "onProgress must be a function");
    }
    const report = await this.#call<IngestReport>("ingest", [documents], { ...options, onProgress });
    for (const failure of report.failed) failure.error = SmolRagError.from(failure.error);
    return report;
  }

  /** Finds what answers a question, without asking a language model for the answer. */
  retrieve(question: string, options: RetrieveOptions = {}): Promise<Retrieved> {
    return this.#call("retrieve", [question], options);
  }

  /** Answers a question; marks `[n]` in the text are the n-th of the references. */
  query(question: string, options: QueryOptions = {}): Promise<Answer> {
    return this.#call("query", [question], options);
  }

  /** Like {@link query}, in parts as they come: references, text, done. Leaving the loop cancels the call. */
  async *stream(question: string, options: QueryOptions = {}): AsyncGenerator<AnswerPart, void, undefined> {
    try {
      yield* this.#engine.stream(question, options);
    } catch (thrown) {
      throw SmolRagError.from(thrown);
    }
  }

  /** Removes a document and all that it added. True if it was there. */
  remove(source: string, options: CallOptions = {}): Promise<boolean> {
    return this.#call("remove", [source], options);
  }

  /** The documents, by source. */
  documents(): Promise<DocumentInfo[]> {
    return this.#call("documents", []);
  }

  /** The text of a document as it was ingested, or undefined. */
  text(source: string): Promise<string | undefined> {
    return this.#call("text", [source]);
  }

  /** An entity by any of its names, with its mentions and neighbours. */
  entity(name: string): Promise<EntityInfo | undefined> {
    return this.#call("entity", [name]);
  }

  /** The relationships of an entity, strongest first. */
  relationships(name: string): Promise<RelationshipInfo[]> {
    return this.#call("relationships", [name]);
  }

  /** A part of the graph for drawing. */
  graph(options: GraphOptions = {}): Promise<GraphView> {
    return this.#call("graph", [options]);
  }

  /** Makes the names one entity, now and after every later ingest. */
  mergeEntities(names: string[], into: string): Promise<void> {
    return this.#call("mergeEntities", [names, into]);
  }

  /** Takes back {@link mergeEntities}. True if there was such a rule. */
  unmerge(into: string): Promise<boolean> {
    return this.#call("unmerge", [into]);
  }

  /** All documents with their texts and vectors, and the merged names, as one versioned and checksummed file. */
  exportSnapshot(): Promise<Uint8Array> {
    return this.#call("exportSnapshot", []);
  }

  /**
   * Puts what {@link exportSnapshot} gave in the place of everything that is here, in one commit. Bytes that are
   * damaged reject with `snapshot-corrupt`, those made with another embedding model with `model-mismatch`; both change nothing.
   */
  importSnapshot(file: Uint8Array): Promise<void> {
    return this.#call("importSnapshot", [file]);
  }

  /** @internal What lexical searches for these texts go by here. */
  statistics(queries: string[]): Promise<KindStatistics> {
    return this.#call("statistics", [queries]);
  }

  /** @internal Lets lexical searches go by the statistics of a whole that these documents are a part of. */
  assume(statistics: KindStatistics): Promise<void> {
    return this.#call("assume", [statistics]);
  }

  /** Counts, as they are now. */
  stats(): Stats {
    return this.#engine.stats();
  }

  /** Listens; the returned function stops it. */
  on<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): () => void {
    return this.#listeners.add(type, listener);
  }

  /** Waits for what is running and refuses what is new. With `force`, cancels what is running. */
  close(options: { force?: boolean } = {}): Promise<void> {
    return this.#call("close", [options]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #call<T>(method: Method, parameters: unknown[], options?: IngestOptions): Promise<T> {
    try {
      return (await this.#engine.call(method, parameters, options)) as T;
    } catch (thrown) {
      throw SmolRagError.from(thrown);
    }
  }
}
