import { SmolRagError } from "./error.js";
import { embeddingTable, ready } from "./host.js";
import type {
  Answer, AnswerPart, CallOptions, Document, DocumentInfo, EntityInfo, Events, GraphOptions, GraphView,
  IngestOptions, IngestReport, OpenOptions, Progress, QueryOptions, RelationshipInfo, Retrieved, RetrieveOptions, StaticTable, Stats,
} from "./types.js";
import { Core, type Parts } from "./wasm/smolrag.js";

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

/** Awaits a promise of the core; its rejection becomes a {@link SmolRagError}. */
async function settled<T>(promise: Promise<unknown>): Promise<T> {
  try {
    return (await promise) as T;
  } catch (thrown) {
    throw SmolRagError.from(thrown);
  }
}

/** The built-in table where the host supplies it, else no embedder. */
async function defaultEmbedder(): Promise<StaticTable | "none"> {
  const table = await embeddingTable();
  return table ? staticEmbedder(table) : "none";
}

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
  readonly #core: Core;
  readonly #listeners: Listeners;

  private constructor(core: Core, listeners: Listeners) {
    this.#core = core;
    this.#listeners = listeners;
  }

  /** Opens, and creates where there is none, the knowledge base of that name. */
  static async open(options: OpenOptions = {}): Promise<SmolRag> {
    const listeners = new Listeners();
    try {
      await ready();
      const { embedder = await defaultEmbedder() } = options;
      return new SmolRag((await Core.open({ ...options, embedder }, listeners.emit)) as Core, listeners);
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
    const report = await settled<IngestReport>(this.#core.ingest(documents, { ...options, onProgress }));
    for (const failure of report.failed) failure.error = SmolRagError.from(failure.error);
    return report;
  }

  /** Finds what answers a question, without asking a language model for the answer. */
  retrieve(question: string, options: RetrieveOptions = {}): Promise<Retrieved> {
    return settled(this.#core.retrieve(question, options));
  }

  /** Answers a question; marks `[n]` in the text are the n-th of the references. */
  query(question: string, options: QueryOptions = {}): Promise<Answer> {
    return settled(this.#core.query(question, options));
  }

  /** Like {@link query}, in parts as they come: references, text, done. Leaving the loop cancels the call. */
  async *stream(question: string, options: QueryOptions = {}): AsyncGenerator<AnswerPart, void, undefined> {
    const parts: Parts = this.#core.stream(question, options);
    try {
      for (;;) {
        const part = await settled<AnswerPart | undefined>(parts.next());
        if (part === undefined) return;
        yield part;
      }
    } finally {
      parts.free();
    }
  }

  /** Removes a document and all that it added. True if it was there. */
  remove(source: string, options: CallOptions = {}): Promise<boolean> {
    return settled(this.#core.remove(source, options));
  }

  /** The documents, by source. */
  documents(): Promise<DocumentInfo[]> {
    return settled(this.#core.documents());
  }

  /** The text of a document as it was ingested, or undefined. */
  text(source: string): Promise<string | undefined> {
    return settled(this.#core.text(source));
  }

  /** An entity by any of its names, with its mentions and neighbours. */
  entity(name: string): Promise<EntityInfo | undefined> {
    return settled(this.#core.entity(name));
  }

  /** The relationships of an entity, strongest first. */
  relationships(name: string): Promise<RelationshipInfo[]> {
    return settled(this.#core.relationships(name));
  }

  /** A part of the graph for drawing. */
  graph(options: GraphOptions = {}): Promise<GraphView> {
    return settled(this.#core.graph(options));
  }

  /** Makes the names one entity, now and after every later ingest. */
  mergeEntities(names: string[], into: string): Promise<void> {
    return settled(this.#core.mergeEntities(names, into));
  }

  /** Takes back {@link mergeEntities}. True if there was such a rule. */
  unmerge(into: string): Promise<boolean> {
    return settled(this.#core.unmerge(into));
  }

  /** Counts, as they are now. */
  stats(): Stats {
    try {
      return this.#core.stats() as Stats;
    } catch (thrown) {
      throw SmolRagError.from(thrown);
    }
  }

  /** Listens; the returned function stops it. */
  on<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): () => void {
    return this.#listeners.add(type, listener);
  }

  /** Waits for what is running and refuses what is new. With `force`, cancels what is running. */
  close(options: { force?: boolean } = {}): Promise<void> {
    return settled(this.#core.close(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
