// `smolrag/worker`: what a Cloudflare Worker is made of.
export * from "../workerd.js";
export { createWorker, type LogEntry, type ObjectNamespace, type WorkerOptions } from "./create-worker.js";
export { SmolRagObject } from "./object.js";
export { RateLimiter } from "./rate-limiter.js";
export type { Shard } from "./shard.js";
export { ShardedKnowledgeBase, type ShardedOptions } from "./sharded.js";
export type { Scope, Token } from "./tokens.js";
