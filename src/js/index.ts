export { SmolRagError, type SmolRagErrorCode } from "./error.js";
export { ready } from "./host.js";
export { SmolRag, staticEmbedder } from "./smolrag.js";
export type * from "./types.js";
export { fromAISDK } from "./providers/ai-sdk.js";
export { chromeLanguageModel, transformersEmbedder, webLLM } from "./providers/local.js";
export { openAICompatible, type OpenAICompatibleEmbedderOptions, type OpenAICompatibleOptions } from "./providers/openai-compatible.js";
