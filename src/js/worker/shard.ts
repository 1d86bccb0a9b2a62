// What a shard of a knowledge base answers to the one that puts the shards together.
import { SmolRagError, type SmolRagErrorCode } from "../error.js";
import type { SmolRag } from "../smolrag.js";
import type { Document, DocumentInfo, IngestReport, KindStatistics, RetrieveOptions, StorageAdapter, Usage } from "../types.js";

/** What bears on a question in one shard. */
export interface Candidates {
  /** What was looked for in the graph. */
  keywords: string[];
  /** Documents of excerpts that were found. */
  sources: string[];
  /** Entities that were found, or that relationships join which were. */
  names: string[];
}

/** An {@link IngestReport} that RPC carries whole. */
export interface ShardReport {
  ingested: string[];
  updated: string[];
  unchanged: string[];
  failed: ShardFailure[];
  degraded: ShardFailure[];
  usage: Usage;
}

interface ShardFailure {
  source: string;
  code: SmolRagErrorCode;
  message: string;
}

/** The calls of a shard. */
export interface ShardCalls {
  ingest(documents: Document[]): Promise<ShardReport>;
  remove(source: string): Promise<boolean>;
  documents(): Promise<DocumentInfo[]>;
  text(source: string): Promise<string | undefined>;
  /** Searches deeper than the answer needs: what is best here need not be best of all. */
  candidates(question: string, options: RetrieveOptions, depth: number): Promise<Candidates>;
  /** The documents that mention any of these entities. */
  mentions(names: string[]): Promise<string[]>;
  statistics(queries: string[]): Promise<KindStatistics>;
  /** The records of these documents, by their keys. */
  rows(sources: string[]): Promise<[string, Uint8Array][]>;
  /** The record of the embedding model, and the table that it says documents are in. */
  meta(): Promise<{ table: string; rows: [string, Uint8Array][] }>;
}

export type ShardMethod = keyof ShardCalls;

/** What a call gave, or was refused with: errors lose their codes on the way between objects. */
export type ShardAnswer<M extends ShardMethod> =
  | { readonly value: Awaited<ReturnType<ShardCalls[M]>> }
  | { readonly refused: { readonly code: SmolRagErrorCode; readonly message: string } };

/** A shard: the stub of a {@link SmolRagObject}. */
export interface Shard {
  ask<M extends ShardMethod>(method: M, ...parameters: Parameters<ShardCalls[M]>): Promise<ShardAnswer<M>>;
}

/** Answers one call. */
export async function askShard<M extends ShardMethod>(
  rag: SmolRag, storage: StorageAdapter, method: M, parameters: Parameters<ShardCalls[M]>,
): Promise<ShardAnswer<M>> {
  try {
    await storage.open("default");
    const call = calls(rag, storage)[method] as (...parameters: unknown[]) => Promise<Awaited<ReturnType<ShardCalls[M]>>>;
    return { value: await call(...parameters) };
  } catch (thrown) {
    const { code, message } = SmolRagError.from(thrown);
    return { refused: { code, message } };
  }
}

function calls(rag: SmolRag, storage: StorageAdapter): ShardCalls {
  return {
    async ingest(documents) {
      const report = await rag.ingest(documents);
      const sent = (failures: IngestReport["failed"]) => failures.map(({ source, error: { code, message } }) => ({ source, code, message }));
      return { ...report, failed: sent(report.failed), degraded: sent(report.degraded) };
    },
    remove: (source) => rag.remove(source),
    documents: () => rag.documents(),
    text: (source) => rag.text(source),

    async candidates(question, options, depth) {
      const { keywords, excerpts, entities, relationships } = await rag.retrieve(question, { ...options, topK: depth, maxTokens: 1e9, diversity: 0 });
      const names = [...entities.map(({ name }) => name), ...relationships.flatMap(({ source, target }) => [source, target])];
      return {
        keywords: [...keywords.high, ...keywords.low],
        sources: [...new Set(excerpts.map(({ source }) => source))],
        names: [...new Set(names)],
      };
    },

    async mentions(names) {
      const sources = new Set<string>();
      for (const name of names) {
        const entity = await rag.entity(name);
        const mentions = [...(entity?.mentions ?? []), ...(await rag.relationships(name)).flatMap((found) => found.mentions)];
        for (const { source } of mentions) sources.add(source);
      }
      return [...sources];
    },

    statistics: (queries) => rag.statistics(queries),

    async rows(sources) {
      const table = await rag.documentsTable();
      // The row of a source is the first after it.
      const found = await Promise.all(sources.map((source) => storage.read(table, source, 1)));
      return found.flatMap((rows, index) => rows.filter(([key]) => key.slice(0, -1) === sources[index]));
    },

    async meta() {
      const rows = (await storage.read("meta")).filter(([key]) => key === "model");
      return { table: await rag.documentsTable(), rows };
    },
  };
}
