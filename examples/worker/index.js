import { createWorker, RateLimiter, SmolRagObject, staticEmbedder } from "smolrag/worker";
import table from "smolrag/embedding.bin";

export { RateLimiter };

export class KnowledgeBase extends SmolRagObject {
  configure() {
    return { embedder: staticEmbedder(table) };
  }
}

export default createWorker((env) => ({
  tokens: [{ token: env.TOKEN ?? "", scopes: ["read", "write"] }],
  limits: { queries: Number(env.LIMIT ?? 10) },
}));
