import { instance } from "./instance.js";

export { durableObjectStorage, type DurableObjectStorage } from "./durable-object-storage.js";
export { SmolRagError, type SmolRagErrorCode } from "./error.js";
export { LexicalIndex, type LexicalEntry, type LexicalSearchOptions } from "./lexical-index.js";
export { staticEmbedder } from "./local.js";
export { SmolRag } from "./smolrag.js";
export type * from "./types.js";
export { VectorIndex, type IndexMatch, type VectorSearchOptions } from "./vector-index.js";
export { fromAISDK } from "./providers/ai-sdk.js";
export { chromeLanguageModel, transformersEmbedder, webLLM } from "./providers/local.js";
export { openAICompatible, type OpenAICompatibleEmbedderOptions, type OpenAICompatibleModelOptions, type OpenAICompatibleOptions } from "./providers/openai-compatible.js";

/** Resolves once {@link VectorIndex} and {@link LexicalIndex} can be made, which are synchronous. */
export async function ready(): Promise<void> {
  await instance();
}
