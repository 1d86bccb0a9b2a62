// A knowledge base spread over so many objects as a request says.
import { ShardedKnowledgeBase, SmolRagObject, staticEmbedder } from "smolrag/worker";
import table from "smolrag/embedding.bin";

export { RateLimiter } from "smolrag/worker";

const models = (env) => ({ embedder: env.LEXICAL ? "none" : staticEmbedder(table) });

export class KnowledgeBase extends SmolRagObject {
  configure() {
    return models(this.env);
  }

  async reembed(embedder) {
    await (await this.open()).reembed(embedder);
  }
}

export default {
  async fetch(request, env) {
    const { name, count, options = {}, method, parameters } = await request.json();
    const shards = Array.from({ length: count }, (_, shard) => env.KNOWLEDGE_BASES.get(env.KNOWLEDGE_BASES.idFromName(`${name} ${count} ${shard}`)));
    try {
      if (method === "apart") return Response.json(await Promise.all(shards.map((shard) => shard.ask("documents"))));
      if (method === "reembed") {
        await Promise.all(shards.map((shard) => shard.reembed(...parameters)));
        return Response.json({});
      }
      return Response.json({ value: await new ShardedKnowledgeBase({ shards: shards.slice(0, options.first), open: models(env), ...options })[method](...parameters) });
    } catch ({ code, message, stack }) {
      return Response.json({ code, message, stack }, { status: 500 });
    }
  },
};
