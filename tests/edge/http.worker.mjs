// A Worker whose options and models are given by its bindings.
import { createWorker, openAICompatible, RateLimiter, SmolRagObject } from "smolrag/worker";

export { RateLimiter };

export class KnowledgeBase extends SmolRagObject {
  configure() {
    const { LLM: url, LIMITS: limits } = this.env;
    return { ...(url && { llm: openAICompatible({ baseURL: url, model: "test" }) }), ...(limits && { limits }) };
  }
}

export default createWorker((env) => env.OPTIONS ?? {});
