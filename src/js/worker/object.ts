import { DurableObject } from "cloudflare:workers";

import { durableObjectStorage, SmolRag, type OpenOptions, type StorageAdapter } from "../workerd.js";
import { answer } from "./api.js";
import { refusal, type Refusal } from "./problem.js";
import { askShard, type ShardAnswer, type ShardCalls, type ShardMethod } from "./shard.js";

/**
 * A Durable Object that is one knowledge base, kept in the object's SQLite database. It answers the operations of the
 * HTTP API without their `/kb/:name`; {@link createWorker} stands in front of it.
 *
 * @example
 * export class KnowledgeBase extends SmolRagObject {
 *   configure() {
 *     return { llm: openAICompatible({ baseURL: this.env.URL, apiKey: this.env.KEY, model: "…" }) };
 *   }
 * }
 */
export class SmolRagObject<Env = unknown> extends DurableObject<Env> {
  #opened: Promise<SmolRag> | undefined;
  #storage: StorageAdapter | undefined;

  /** Models, limits and excerpts of this knowledge base; default: what needs neither key nor network. */
  configure(): Omit<OpenOptions, "name" | "storage" | "worker"> {
    return {};
  }

  /** The knowledge base, opened with the first call and once. An opening that failed is tried again by the next call. */
  protected open(): Promise<SmolRag> {
    this.#opened ??= SmolRag.open({
      // An object has 128 MB for everything; the package's own default is 64 MiB each for answers and vectors of models.
      cache: { entries: 2000, bytes: 4 * 2 ** 20 },
      ...this.configure(),
      storage: durableObjectStorage(this.ctx.storage),
    }).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /** A part of a {@link ShardedKnowledgeBase}: what that asks by RPC. */
  async ask<M extends ShardMethod>(method: M, ...parameters: Parameters<ShardCalls[M]>): Promise<ShardAnswer<M>> {
    this.#storage ??= durableObjectStorage(this.ctx.storage);
    return askShard(await this.open(), this.#storage, method, parameters);
  }

  async fetch(request: Request): Promise<Response> {
    const failed = (error: unknown): Refusal => {
      const refused = refusal(error);
      if (refused.status >= 500) this.#log(request, error);
      return refused;
    };
    try {
      return await answer(request, () => this.open(), failed);
    } catch (error) {
      return failed(error).response();
    }
  }

  /** Why, for whoever runs the Worker. What a model said may quote a document, so of its errors only the status is told. */
  #log(request: Request, error: unknown): void {
    const { code, message, status } = error as { code?: string; message?: string; status?: number };
    console.error(JSON.stringify({
      level: "error",
      request: request.headers.get("x-request-id"),
      code: code ?? "internal",
      ...(code === "provider" ? { status } : { message }),
    }));
  }
}
