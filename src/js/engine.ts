import type { AnswerPart, CallOptions, Events, IngestOptions, QueryOptions, Stats } from "./types.js";

/** The calls of an engine, by their names in the core. */
export type Method =
  | "ingest" | "estimate" | "retrieve" | "query" | "queryPrompt" | "remove" | "documents" | "text" | "entity" | "relationships" | "graph"
  | "mergeEntities" | "unmerge" | "refresh" | "repair" | "reembed" | "exportSnapshot" | "importSnapshot" | "documentsTable" | "statistics" | "assume" | "close";

/** One open knowledge base, in this thread or in another. Calls begin in the order in which they are made. */
export interface Engine {
  call(method: Method, parameters: unknown[], options?: CallOptions | IngestOptions): Promise<unknown>;
  stream(question: string, options: QueryOptions): AsyncGenerator<AnswerPart, void, undefined>;
  stats(): Stats;
}

export type Emit = <K extends keyof Events>(type: K, event: Events[K]) => void;
