import { SmolRagError } from "../error.js";
import { MemoryStorage } from "../memory.js";
import { SmolRag, type Answer, type AnswerPart, type Document, type DocumentInfo, type IngestReport, type KindStatistics, type OpenOptions, type QueryOptions, type RetrieveOptions, type Retrieved, type Usage } from "../workerd.js";
import { shardOf } from "./rendezvous.js";
import type { Shard, ShardCalls, ShardMethod, ShardReport } from "./shard.js";

export interface ShardedOptions {
  /** The objects, always in this order: their places say which documents each has. One more may be put behind them. */
  readonly shards: readonly Shard[];
  /** Models and the like, the same as the objects have. */
  readonly open?: Omit<OpenOptions, "name" | "storage" | "worker">;
  /** Excerpts that each shard looks for; default 50. Fewer are faster, more find what is good in no one list. */
  readonly depth?: number;
  /** The most documents of one shard that an answer may rest on; default 200. */
  readonly documents?: number;
}

/**
 * A knowledge base that is spread over several objects, each with its own share of the documents.
 *
 * A question goes to all of them. Each names the documents that bear on it, and its document frequencies; the records of
 * these documents are then folded into one small knowledge base, by the code that folds them everywhere, which searches
 * by the frequencies of the whole and answers. So what several shards know of one entity becomes one again.
 */
export class ShardedKnowledgeBase {
  readonly #options: ShardedOptions;

  constructor(options: ShardedOptions) {
    if (options.shards.length === 0) throw new SmolRagError("invalid-argument", "shards must not be empty");
    this.#options = options;
  }

  /** Adds documents, each to its shard. See {@link SmolRag.ingest}. */
  async ingest(documents: Document[]): Promise<IngestReport> {
    const shares = new Map<number, Document[]>();
    for (const document of documents) {
      const shard = shardOf(document.source, this.#options.shards.length);
      shares.set(shard, [...(shares.get(shard) ?? []), document]);
    }
    const reports = await Promise.all([...shares].map(([shard, share]) => this.#ask(shard, "ingest", share)));
    const all = <T>(of: (report: (typeof reports)[number]) => T[]): T[] => reports.flatMap(of);
    const received = (failures: ShardReport["failed"]) => failures.map(({ source, code, message }) => ({ source, error: new SmolRagError(code, message) }));
    return {
      ingested: all(({ ingested }) => ingested),
      updated: all(({ updated }) => updated),
      unchanged: all(({ unchanged }) => unchanged),
      failed: received(all(({ failed }) => failed)),
      degraded: received(all(({ degraded }) => degraded)),
      usage: spent(reports.map(({ usage }) => usage)),
    };
  }

  /** Removes a document. True if it was there. */
  remove(source: string): Promise<boolean> {
    return this.#ask(shardOf(source, this.#options.shards.length), "remove", source);
  }

  /** The documents of all shards, by source. */
  async documents(): Promise<DocumentInfo[]> {
    const all = (await this.#all("documents")).flat();
    return all.sort((one, other) => (one.source < other.source ? -1 : 1));
  }

  /**
   * Moves the documents that are due to another object since there is one more. Each is read again there, and is in its
   * new place before it leaves the old one. Returns what was moved.
   */
  async rebalance(): Promise<string[]> {
    const { shards } = this.#options;
    const moved: string[] = [];
    for (const [shard, documents] of (await this.#all("documents")).entries()) {
      for (const { source, metadata } of documents) {
        const owner = shardOf(source, shards.length);
        const text = owner === shard ? undefined : await this.#ask(shard, "text", source);
        if (text === undefined) continue;
        const { failed } = await this.#ask(owner, "ingest", [{ source, text, metadata }]);
        for (const { code, message } of failed) throw new SmolRagError(code, `${source}: ${message}`);
        await this.#ask(shard, "remove", source);
        moved.push(source);
      }
    }
    return moved;
  }

  /** See {@link SmolRag.retrieve}. */
  retrieve(question: string, options: RetrieveOptions = {}): Promise<Retrieved> {
    return this.#over(question, options, (rag) => rag.retrieve(question, options));
  }

  /** See {@link SmolRag.query}. */
  query(question: string, options: QueryOptions = {}): Promise<Answer> {
    return this.#over(question, options, (rag) => rag.query(question, options));
  }

  /** See {@link SmolRag.stream}. */
  async *stream(question: string, options: QueryOptions = {}): AsyncGenerator<AnswerPart, void, undefined> {
    const rag = await this.#gather(question, options);
    try {
      yield* rag.stream(question, options);
    } finally {
      await rag.close({ force: true });
    }
  }

  async #over<T>(question: string, options: RetrieveOptions, work: (rag: SmolRag) => Promise<T>): Promise<T> {
    const rag = await this.#gather(question, options);
    try {
      return await work(rag);
    } finally {
      await rag.close({ force: true });
    }
  }

  /** What bears on the question, of all shards, as one knowledge base. */
  async #gather(question: string, options: RetrieveOptions): Promise<SmolRag> {
    const { shards, depth = 50, documents = 200, open } = this.#options;
    const { mode, filter } = options;
    const asked = { ...(mode && { mode }), ...(filter && { filter }) };
    const found = await this.#all("candidates", question, asked, Math.max(depth, options.topK ?? 5));
    const names = [...new Set(found.flatMap((each) => each.names))];
    const queries = [...new Set([question, ...found.flatMap(({ keywords }) => keywords)])];
    const [statistics, mentions] = await Promise.all([this.#all("statistics", queries), this.#all("mentions", names)]);
    const rows = await Promise.all(shards.map((_, shard) => {
      const sources = new Set([...found[shard]!.sources, ...mentions[shard]!]);
      return this.#ask(shard, "rows", [...sources].slice(0, documents));
    }));
    const meta = (await this.#all("meta")).find((each) => each.rows.length > 0) ?? { table: "documents", rows: [] };
    const storage = new MemoryStorage();
    await storage.commit(0, [
      ...meta.rows.map(([key, record]): [string, string, Uint8Array] => ["meta", key, record]),
      ...rows.flat().map(([key, record]): [string, string, Uint8Array] => [meta.table, key, record]),
    ], []);
    const rag = await SmolRag.open({ ...open, storage });
    await rag.assume(added(statistics));
    return rag;
  }

  #all<M extends ShardMethod>(method: M, ...parameters: Parameters<ShardCalls[M]>): Promise<Awaited<ReturnType<ShardCalls[M]>>[]> {
    return Promise.all(this.#options.shards.map((_, shard) => this.#ask(shard, method, ...parameters)));
  }

  async #ask<M extends ShardMethod>(shard: number, method: M, ...parameters: Parameters<ShardCalls[M]>): Promise<Awaited<ReturnType<ShardCalls[M]>>> {
    const answer = await this.#options.shards[shard]!.ask(method, ...parameters);
    if ("refused" in answer) throw new SmolRagError(answer.refused.code, `shard ${shard}: ${answer.refused.message}`);
    return answer.value;
  }
}

/** What all shards have spent. */
function spent(parts: Usage[]): Usage {
  const sum = (of: (usage: Usage) => number): number => parts.reduce((total, usage) => total + of(usage), 0);
  return {
    calls: sum(({ calls }) => calls),
    promptTokens: sum(({ promptTokens }) => promptTokens),
    completionTokens: sum(({ completionTokens }) => completionTokens),
    embeddingCalls: sum(({ embeddingCalls }) => embeddingCalls),
    embeddingTokens: sum(({ embeddingTokens }) => embeddingTokens),
    rerankCalls: sum(({ rerankCalls }) => rerankCalls),
    estimated: parts.some(({ estimated }) => estimated),
  };
}

/** The statistics of the whole. */
function added(parts: KindStatistics[]): KindStatistics {
  const sum = (kind: keyof KindStatistics): KindStatistics["excerpts"] => {
    const frequencies = new Map<string, number>();
    for (const part of parts) for (const [term, entries] of part[kind].frequencies) frequencies.set(term, (frequencies.get(term) ?? 0) + entries);
    return {
      count: parts.reduce((total, part) => total + part[kind].count, 0),
      length: parts.reduce((total, part) => total + part[kind].length, 0),
      frequencies: [...frequencies],
    };
  };
  return { excerpts: sum("excerpts"), entities: sum("entities"), relationships: sum("relationships") };
}
