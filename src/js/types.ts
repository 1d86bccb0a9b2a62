/** A value of a document's metadata. */
export type MetadataValue = string | number | boolean | readonly MetadataValue[];
/** What is attached to a document, by name. */
export type Metadata = Readonly<Record<string, MetadataValue>>;

/** How a question is answered; the names are SmolRAG's. */
export type Mode = "standard" | "local_kg" | "global_kg" | "hybrid_kg" | "mix";

/** A document to ingest. It is known by its source: the same source again updates it. */
export interface Document {
  source: string;
  text: string;
  metadata?: Metadata;
}

/** A model that continues text. */
export interface LanguageModel {
  /** Names the model; kept answers are kept under it. */
  readonly id: string;
  complete(request: CompletionRequest): Promise<string>;
  stream?(request: CompletionRequest): AsyncIterable<string>;
}

export interface CompletionRequest {
  system?: string;
  prompt: string;
  /** Fires when the answer is no longer wanted. */
  signal?: AbortSignal;
}

/** A model that turns texts into vectors of one size. */
export interface EmbeddingModel {
  /** Names the model; a knowledge base belongs to one. */
  readonly id: string;
  readonly dimensions: number;
  /** The most texts of one call; default 256. */
  readonly maxBatch?: number;
  embed(texts: string[], options?: { signal?: AbortSignal }): Promise<ArrayLike<number>[]>;
}

/** Where a knowledge base is kept; bring your own. */
export interface StorageAdapter {
  open(name: string): Promise<{ epoch: number }>;
  /** Rows in key order, strictly after `after`. */
  read(table: string, after?: string, limit?: number): Promise<[string, Uint8Array][]>;
  /**
   * One transaction. Rejects with the code `storage-conflict` and changes nothing if the stored
   * epoch is not `expectedEpoch`, else returns the new one.
   */
  commit(expectedEpoch: number, puts: [string, string, Uint8Array][], deletes: [string, string][]): Promise<number>;
  close(): Promise<void>;
}

/** The built-in embedding model, from its table; see `staticEmbedder`. */
export interface StaticTable {
  readonly table: Uint8Array;
}

export interface OpenOptions {
  /** One knowledge base; default "default". */
  name?: string;
  /** Default: "indexeddb" where it exists, else "memory". */
  storage?: "indexeddb" | "memory" | StorageAdapter;
  /** Default: the built-in extractive one, which needs no key and no network. */
  llm?: LanguageModel;
  /** Default: the built-in static table. `"none"`: no vectors, everything is found lexically. */
  embedder?: EmbeddingModel | StaticTable | "none";
  excerpts?: {
    /** The most UTF-16 units of one excerpt; default 800. Neighbouring paragraphs are packed to a quarter of it. */
    size?: number;
    /** UTF-16 units repeated where a paragraph had to be cut; default 100. */
    overlap?: number;
    strategy?: "markdown" | "words" | "characters" | ((text: string) => string[] | Promise<string[]>);
  };
  limits?: Limits;
  cache?: {
    /** The most entries; default 10,000. */
    entries?: number;
    /** The most bytes; default 64 MiB. */
    bytes?: number;
  };
  /**
   * Run the engine in a dedicated worker, so that no work of it holds up the page; default false. Models, storage
   * adapters, a splitter and listeners stay where they are and are called there. Where there are no workers, `open`
   * rejects with `invalid-argument`.
   */
  worker?: boolean;
  /** Join names that differ only in case, width, quotes or a plural; default true. */
  resolveEntities?: boolean;
}

export interface Limits {
  /** The most calls that wait; default 1024. */
  queue?: number;
  /** Documents of one instance read at once; default 4. */
  ingestConcurrency?: number;
  /** Calls to the language model at once; default 8. */
  llmConcurrency?: number;
  /** Calls to the language model a second; default 100. */
  llmPerSecond?: number;
  /** Seconds after which a call to a model, or to a splitter, is given up; default 120. */
  modelTimeout?: number;
  /**
   * Seconds after which a call to the storage is given up with `storage-blocked`; default 60. Whether a commit that was
   * given up got through shows in the next call.
   */
  storageTimeout?: number;
  /** The most UTF-8 bytes of one document; default 8 MiB. */
  documentBytes?: number;
  /**
   * Bytes of memory (`stats().bytes`) that the knowledge base may hold; past it documents are refused with
   * `storage-quota`, and all else goes on. Default: no limit.
   */
  memory?: number;
}

export interface CallOptions {
  /** Cancels the call; it then rejects with the code `aborted`. Whatever was not committed by then is left as it was. */
  signal?: AbortSignal;
}

/** How far an ingest is. */
export interface Progress {
  source: string;
  stage: "excerpts" | "reading" | "embedding" | "commit";
  done: number;
  total: number;
}

export interface IngestOptions extends CallOptions {
  onProgress?: (progress: Progress) => void;
}

export interface IngestReport {
  ingested: string[];
  updated: string[];
  /** Same text, metadata and models as before: nothing was done. */
  unchanged: string[];
  failed: { source: string; error: import("./error.js").SmolRagError }[];
}

export interface RetrieveOptions extends CallOptions {
  /** Default "mix". */
  mode?: Mode;
  /** The most excerpts; default 5. */
  topK?: number;
  /** The most tokens of excerpts, entities and relationships each; default 4000. */
  maxTokens?: number;
  /** Only documents whose metadata match every named value. */
  filter?: Metadata;
}

export interface Turn {
  role: "user" | "assistant";
  content: string;
}

export interface QueryOptions extends RetrieveOptions {
  /** What was said before, oldest first. */
  history?: Turn[];
}

export interface FoundExcerpt {
  id: string;
  source: string;
  /** The source text's `slice(start, end)`. */
  text: string;
  summary: string;
  /** The headings above it, outermost first. */
  headings: string[];
  score: number;
  start: number;
  end: number;
}

export interface FoundEntity {
  name: string;
  category: string;
  description: string;
  /** Its degree: how many entities it is related to. */
  rank: number;
  score: number;
  /** Ids of the first twenty excerpts it was read from. */
  excerpts: string[];
}

export interface FoundRelationship {
  source: string;
  target: string;
  description: string;
  keywords: string;
  weight: number;
  /** The sum of the degrees of its ends. */
  rank: number;
  score: number;
  /** Ids of the first twenty excerpts it was read from. */
  excerpts: string[];
}

export interface Retrieved {
  mode: Mode;
  keywords: { high: string[]; low: string[] };
  excerpts: FoundExcerpt[];
  entities: FoundEntity[];
  relationships: FoundRelationship[];
  /** What a language model would be shown, within its token budgets. */
  context: string;
}

/** A passage that the answer cites; the mark `[n]` in the text is the n-th of them. */
export interface Reference {
  source: string;
  excerptId: string;
  text: string;
  start: number;
  end: number;
  score: number;
}

export interface Answer {
  text: string;
  references: Reference[];
  mode: Mode;
  /** Whether every call to the language model was answered from the cache. */
  cached: boolean;
  /** Milliseconds. */
  timings: { queue: number; retrieve: number; answer: number; total: number };
}

export type AnswerPart =
  | { type: "references"; references: Reference[] }
  | { type: "text"; text: string }
  | { type: "done"; answer: Answer };

export interface DocumentInfo {
  source: string;
  /** Changes when the text, the metadata or the way of reading does. */
  revision: string;
  excerpts: number;
  entities: number;
  relationships: number;
  /** Of the text in UTF-8. */
  bytes: number;
  metadata: Metadata;
}

export interface EntityInfo {
  name: string;
  category: string;
  descriptions: string[];
  rank: number;
  mentions: { source: string; excerptId: string; start: number; end: number }[];
  neighbours: string[];
}

export interface RelationshipInfo {
  source: string;
  target: string;
  descriptions: string[];
  keywords: string[];
  weight: number;
  rank: number;
  mentions: { source: string; excerptId: string; start: number; end: number }[];
}

export interface GraphOptions {
  /** Start here; without it, at the most connected entities. */
  around?: string[];
  /** Steps from there; default 1. */
  depth?: number;
  /** The most nodes; default 500. */
  limit?: number;
}

export interface GraphView {
  nodes: { name: string; category: string; description: string; rank: number }[];
  edges: { source: string; target: string; description: string; keywords: string; weight: number }[];
}

export interface CacheStats {
  entries: number;
  bytes: number;
  hits: number;
  misses: number;
  /** Calls that waited for the answer to an equal one under way. */
  joined: number;
  evictions: number;
  /** Answers on their way. */
  flying: number;
}

export interface CallCounts {
  /** Not started yet. */
  waiting: number;
  /** Reading, or preparing what to write. */
  running: number;
  /** Holding the turn to commit. */
  committing: number;
  done: number;
  cancelled: number;
}

export interface Stats {
  /** Commits that the storage has seen. */
  epoch: number;
  documents: number;
  excerpts: number;
  entities: number;
  relationships: number;
  vectors: number;
  cache: { completions: CacheStats; embeddings: CacheStats };
  queue: { reads: CallCounts; writes: CallCounts; refused: number };
  /** An estimate of the memory that the knowledge base holds. */
  bytes: number;
}

/** What BM25 needs to know of all entries; those of several indices add up. */
export interface Statistics {
  count: number;
  length: number;
  frequencies: [term: string, entries: number][];
}

/** Of each kind of thing that is searched. */
export type KindStatistics = Record<"excerpts" | "entities" | "relationships", Statistics>;

export interface Events {
  commit: { epoch: number; source?: string };
  progress: Progress;
  "remote-commit": { epoch: number };
}
