import { instance } from "./instance.js";

export { SmolRagError, type SmolRagErrorCode } from "./error.js";
export { staticEmbedder } from "./local.js";
export { SmolRag } from "./smolrag.js";
export type * from "./types.js";

/** Resolves once the core can be called synchronously. */
export async function ready(): Promise<void> {
  await instance();
}
