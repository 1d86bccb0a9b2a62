import type { Engine, Method } from "./engine.js";
import { SmolRagError } from "./error.js";
import { LocalEngine } from "./local.js";
import { MemoryStorage } from "./memory.js";
import { withModels } from "./models.js";
import { RemoteEngine } from "./remote.js";
import { unpacked, type Packed } from "./retrieved.js";
import type {
  Answer, AnswerPart, AnswerPrompt, CallOptions, Document, DocumentInfo, EntityInfo, Estimate, Events, GraphOptions, GraphView,
  IngestOptions, IngestReport, KindStatistics, OpenOptions, Progress, QueryOptions, RelationshipInfo, RepairReport, Retrieved, RetrieveOptions, Stats,
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

  has(type: keyof Events): boolean {
    return (this.#byType.get(type)?.size ?? 0) > 0;
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

let persisted: boolean | undefined;
let asked = false;

/** Asks the browser not to clear the site's storage when space runs low. Firefox puts that to the user. */
async function persist(): Promise<void> {
  if (asked) return;
  asked = true;
  const { storage } = globalThis.navigator ?? {};
  // Without the second, as in workers, one can only look.
  persisted = (await storage?.persisted?.()) || (await storage?.persist?.());
}

function checkProgress(onProgress: unknown): void {
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw new SmolRagError("invalid-argument", "onProgress must be a function");
  }
}

/** What failed, with errors of the package in place of their plain fields. */
function failuresAsErrors<T extends { failed: { error: SmolRagError }[]; degraded?: { error: SmolRagError }[] }>(report: T): T {
  for (const failure of [...report.failed, ...(report.degraded ?? [])]) failure.error = SmolRagError.from(failure.error);
  return report;
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
  readonly #inBrowser: boolean;

  private constructor(engine: Engine, listeners: Listeners, inBrowser: boolean) {
    this.#engine = engine;
    this.#listeners = listeners;
    this.#inBrowser = inBrowser;
  }

  /** Opens, and creates where there is none, the knowledge base of that name. */
  static async open(options: OpenOptions = {}): Promise<SmolRag> {
    const listeners = new Listeners();
    const kind = options.worker ? RemoteEngine : LocalEngine;
    const { storage = "indexedDB" in globalThis ? "indexeddb" : "memory", onProgress } = options;
    const own: OpenOptions = { ...options, storage: storage === "memory" ? new MemoryStorage() : storage };
    try {
      checkProgress(onProgress);
      if (onProgress) own.onProgress = guarded(onProgress);
      const engine = await kind.open(await withModels(own), listeners.emit);
      if (storage === "indexeddb") persist().catch(() => undefined);
      return new SmolRag(engine, listeners, storage === "indexeddb");
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
    return failuresAsErrors(await this.#call<IngestReport>("ingest", [documents], this.#telling(options)));
  }

  /** What {@link ingest} of these documents would cost now. Calls no model and changes nothing. */
  estimate(documents: Document[], options: CallOptions = {}): Promise<Estimate> {
    return this.#call("estimate", [documents], options);
  }

  /** Finds what answers a question, without asking a language model for the answer. */
  async retrieve(question: string, options: RetrieveOptions = {}): Promise<Retrieved> {
    return unpacked(await this.#call<Packed>("retrieve", [question], options));
  }

  /** Answers a question; marks `[n]` in the text are the n-th of the references. */
  query(question: string, options?: QueryOptions & { contextOnly?: false }): Promise<Answer>;
  /**
   * With `contextOnly`, what a language model would be asked, and nothing asked of it: the built-in reader says what to look
   * for. An embedder or reranker of yours is called.
   */
  query(question: string, options: QueryOptions & { contextOnly: true }): Promise<AnswerPrompt>;
  query(question: string, options: QueryOptions & { contextOnly?: boolean } = {}): Promise<Answer | AnswerPrompt> {
    return this.#call(options?.contextOnly ? "queryPrompt" : "query", [question], options);
  }

  /** Like {@link query}, in parts as they come: references, text, done. Leaving the loop cancels the call. */
  async *stream(question: string, options: QueryOptions = {}): AsyncGenerator<AnswerPart, void, undefined> {
    if (options && "contextOnly" in options) throw new SmolRagError("invalid-argument", "contextOnly is an option of query, not of stream");
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

  /** Follows what others have committed to the same storage, now. Tabs of one browser do so by themselves. */
  refresh(): Promise<void> {
    return this.#call("refresh", []);
  }

  /**
   * Ingests the documents whose records are damaged again, from their text where that can be read. The damaged records
   * are kept in the storage.
   */
  async repair(options: IngestOptions = {}): Promise<RepairReport> {
    return failuresAsErrors(await this.#call<RepairReport>("repair", [], this.#telling(options)));
  }

  /**
   * Embeds everything again, by another model, and works with that one from then on; without one, by the built-in.
   * Questions are answered by the old vectors until all new ones are there. Cancelled, failed or cut off, the next call
   * goes on where it was.
   */
  async reembed(embedder?: OpenOptions["embedder"], options: IngestOptions = {}): Promise<void> {
    await this.#call("reembed", [embedder], this.#telling(options));
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

  /** @internal The table of the storage in which the documents are: re-embedding fills another. */
  documentsTable(): Promise<string> {
    return this.#call("documentsTable", []);
  }

  /** @internal Lets lexical searches go by the statistics of a whole that these documents are a part of. */
  assume(statistics: KindStatistics): Promise<void> {
    return this.#call("assume", [statistics]);
  }

  /** Counts, as they are now. */
  stats(): Stats {
    const stats = this.#engine.stats();
    const damaged = stats.damaged.map(({ name, error }) => ({ name, error: SmolRagError.from(error) }));
    return { ...stats, damaged, ...(this.#inBrowser && persisted !== undefined && { persisted }) };
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

  /** The options with every step told to the listeners, too. */
  #telling(options: IngestOptions): IngestOptions {
    const { onProgress } = options;
    checkProgress(onProgress);
    const told = onProgress && guarded(onProgress);
    const tell = (progress: Progress): void => {
      this.#listeners.emit("progress", progress);
      told?.(progress);
    };
    const listeners = this.#listeners;
    // Steps that nobody hears of are not made into objects.
    return { ...options, onProgress: Object.defineProperty(tell, "heard", { get: () => told !== undefined || listeners.has("progress") }) };
  }

  async #call<T>(method: Method, parameters: unknown[], options?: IngestOptions): Promise<T> {
    try {
      return (await this.#engine.call(method, parameters, options)) as T;
    } catch (thrown) {
      throw SmolRagError.from(thrown);
    }
  }
}
