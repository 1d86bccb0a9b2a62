// Models in the forms in which they may be given.
import { SmolRagError } from "./error.js";
import type { EmbeddingFunction, EmbeddingModel, LanguageModel, LanguageModelFunction, OpenOptions } from "./types.js";

/** The options with plain functions made models. */
export async function withModels(options: OpenOptions): Promise<OpenOptions> {
  const { llm, embedder } = options;
  return {
    ...options,
    ...(typeof llm === "function" ? { llm: languageModel(llm) } : {}),
    ...(typeof embedder === "function" ? { embedder: await embeddingModel(embedder) } : {}),
  };
}

function languageModel(answer: LanguageModelFunction): LanguageModel {
  return {
    id: answer.name || "function",
    complete: async ({ prompt, ...options }) => answer(prompt, options),
  };
}

async function embeddingModel(embed: EmbeddingFunction): Promise<EmbeddingModel> {
  let dimensions: number | undefined;
  try {
    dimensions = (await embed(["size"]))[0]?.length;
  } catch (error) {
    throw new SmolRagError("provider", `the embedder cannot be asked for the size of its vectors: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!dimensions) throw new SmolRagError("provider", "the embedder gave no vector for a text; it must give one for each");
  return { id: embed.name || "function", dimensions, embed: async (texts, options) => embed(texts, options) };
}
