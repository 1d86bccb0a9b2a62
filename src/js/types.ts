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
  /** Whether it answers in JSON when a request has {@link CompletionRequest.json}; default false. */
  readonly json?: boolean;
  complete(request: CompletionRequest): Promise<string | Completion>;
  /** The parts of the answer as they come; `usage`, if it is told, with the last of them. */
  stream?(request: CompletionRequest): AsyncIterable<string | Completion>;
}

/** An answer, or a part of one, of a model that tells what it took. */
export interface Completion {
  text: string;
  /** Of the whole call. Without it, tokens are counted by `countTokens`. */
  usage?: { promptTokens: number; completionTokens: number } | undefined;
}

/** A language model as a plain function. It is called by its name: give an object with an `id` to tell versions apart. */
export type LanguageModelFunction = (prompt: string, options: Omit<CompletionRequest, "prompt">) => string | Promise<string>;

export interface CompletionRequest {
  system?: string;
  prompt: string;
  /** The form that the answer is to have, a JSON schema; only for models that say `json`. */
  json?: JsonForm | undefined;
  /** Fires when the answer is no longer wanted. */
  signal?: AbortSignal;
}

/** A form of JSON. */
export interface JsonForm {
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A model that turns texts into vectors of one size. */
export interface EmbeddingModel {
  /** Names the model; a knowledge base belongs to one. */
  readonly id: string;
  readonly dimensions: number;
  /** The most texts of one call; default 256. */
  readonly maxBatch?: number;
  embed(texts: string[], options?: { signal?: AbortSignal }): Promise<ArrayLike<number>[] | Embeddings>;
}

/** Vectors of a model that tells what they took. */
export interface Embeddings {
  vectors: ArrayLike<number>[];
  usage?: { tokens: number } | undefined;
}

/** An embedding model as a plain function. It is asked for one vector on opening, to learn their size. */
export type EmbeddingFunction = (texts: string[], options?: { signal?: AbortSignal }) => ArrayLike<number>[] | Promise<ArrayLike<number>[]>;

/** A model that judges how well texts answer a question. */
export interface Reranker {
  readonly id: string;
  /** Places in `documents` with scores, higher ones better; each at most once, in any order. */
  rerank(request: { query: string; documents: string[]; topK: number; signal?: AbortSignal }): Promise<{ index: number; score: number }[]>;
}

/** What may be spent at most; what has no number has no limit. */
export interface Budget {
  /** Calls of all models together. */
  calls?: number;
  /** Tokens of all kinds together. A call is not made if its prompt alone would exceed them; answers under way may. */
  tokens?: number;
}

/**
 * What was asked of the models that you brought; the built-in ones cost nothing. Answers kept from before are no calls;
 * a call that failed is one, without tokens.
 */
export interface Usage {
  /** Calls of the language model. */
  calls: number;
  promptTokens: number;
  completionTokens: number;
  /** Calls of the embedding model, each of a batch of texts. */
  embeddingCalls: number;
  embeddingTokens: number;
  rerankCalls: number;
  /** Whether some tokens were counted by `countTokens`, because a provider did not tell. */
  estimated: boolean;
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
  llm?: LanguageModel | LanguageModelFunction;
  /** Default: the built-in static table. `"none"`: no vectors, everything is found lexically. */
  embedder?: EmbeddingModel | EmbeddingFunction | StaticTable | "none";
  /** Puts the excerpts that were found in order; default: none. */
  rerank?: Reranker;
  /** Tokens of a text, for token budgets and where a provider does not tell; default: an estimate for models of OpenAI's. */
  countTokens?: (text: string) => number | Promise<number>;
  prompts?: Prompts;
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
  /**
   * When a commit counts as written, in IndexedDB: "strict" (default) when it is on the disk, "relaxed" when the operating
   * system has it, which is faster; a power failure may then take the last commits, each whole.
   */
  durability?: "strict" | "relaxed";
  /**
   * Whether the text of each document is kept with it; default true. With false only its excerpts are: `text()` then
   * rejects, and `repair()` cannot make the document anew.
   */
  keepText?: boolean;
  /** Told how far the opening is. */
  onProgress?: (progress: OpenProgress) => void;
  /** Join names that differ only in case, width, quotes or a plural; default true. */
  resolveEntities?: boolean;
}

/** What the language model is told when it reads. Documents are read anew when it changes. */
export interface Prompts {
  /** What entities are sorted into; default: person, organisation, place, event, product, technology and others. */
  entityTypes?: string[];
  /** Of descriptions, keywords, summaries and answers; default: that of the document or question. */
  language?: string;
  /** What else it is told, for example what to leave out. */
  guidance?: string;
  /** How often it is asked again, for each excerpt, what it has overlooked; default 0. */
  gleaning?: number;
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
  /** What all calls of this instance together may spend; when it is spent, they reject with `budget-spent`. */
  budget?: Budget;
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

/** How many documents of a knowledge base that is being opened are read. */
export interface OpenProgress {
  done: number;
  total: number;
}

export interface IngestOptions extends CallOptions {
  /** What this call may spend. Documents that it does not suffice for fail with `budget-spent`. */
  budget?: Budget;
  onProgress?: (progress: Progress) => void;
}

export interface IngestReport {
  ingested: string[];
  updated: string[];
  /** Same text, metadata and models as before: nothing was done. */
  unchanged: string[];
  failed: { source: string; error: import("./error.js").SmolRagError }[];
  /** What failed in documents that did not: a summary, for which the heading path stands in, or one excerpt's entities. */
  degraded: { source: string; error: import("./error.js").SmolRagError }[];
  usage: Usage;
}

/** What an ingest would cost. */
export interface Estimate {
  /** Documents that would be read. */
  changed: string[];
  unchanged: string[];
  /** Prompts are those that would be sent; answers are taken to be as long as what the built-in reader finds. */
  usage: Usage;
}

export interface RepairReport {
  /** Whole again. */
  repaired: string[];
  /** Still set aside: their text cannot be read either or was not kept, or reading it again failed. */
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
  /**
   * How much the rankings by vectors, and that of excerpts by what the graph found, count against those by words, which count 1.
   * Default: `vector` 1/3 with the built-in embedder and 1 with another; `graph` 0.05 in `mix` and 1 in the other modes that use the graph.
   */
  weights?: { vector?: number; graph?: number };
  /** How much an excerpt loses by being like those before it, from 0 to 1 (maximal marginal relevance); default 0. Not with a reranker. */
  diversity?: number;
  /** In place of the reranker of `open`; `false` for none. */
  rerank?: Reranker | false;
  /** What this call may spend; it rejects with `budget-spent`. */
  budget?: Budget;
}

export interface Turn {
  role: "user" | "assistant";
  content: string;
}

export interface QueryOptions extends RetrieveOptions {
  /** What was said before, oldest first. */
  history?: Turn[];
}

/** What a language model would be asked for an answer. */
export interface AnswerPrompt {
  system: string;
  prompt: string;
  /** The n-th is what the prompt calls `[n]`. */
  references: Reference[];
  mode: Mode;
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
  usage: Usage;
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
  /**
   * The kinds of things of which so many have vectors that a search by vector chooses by one bit a component whom to look at closely, and
   * may miss one of the nearest.
   */
  approximate: ("excerpts" | "entities" | "relationships")[];
  cache: { completions: CacheStats; embeddings: CacheStats };
  queue: { reads: CallCounts; writes: CallCounts; refused: number };
  /** What calls of models have cost since opening. */
  usage: Usage;
  /** An estimate of the memory that the knowledge base holds. */
  bytes: number;
  /** Stored records that cannot be read, by the source of the document or what else they are of; see `repair`. */
  damaged: { name: string; error: import("./error.js").SmolRagError }[];
  /**
   * Whether the browser has promised not to clear the site's storage when space runs low. It is asked once a page;
   * undefined until it has answered, and where the storage is not IndexedDB.
   */
  persisted?: boolean;
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
