export { SmolRagError, type SmolRagErrorCode } from "./error.js";
export { ready } from "./host.js";
export { SmolRag, staticEmbedder } from "./smolrag.js";
export type * from "./types.js";
