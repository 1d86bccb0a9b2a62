// Compiled, not run: models of the AI SDK are taken without a cast.
import { createOpenAICompatible as v3 } from "@ai-sdk/openai-compatible";
import { createOpenAICompatible as v2 } from "openai-compatible-v2";
import { createOpenAICompatible as v4 } from "openai-compatible-v4";

import type { RerankingModelV3 } from "@ai-sdk/provider";

import { fromAISDK, type EmbeddingModel, type LanguageModel, type Reranker } from "../../pkg/index.js";

const settings = { name: "test", baseURL: "http://localhost/v1" };

export const languageModels: LanguageModel[] = [
  fromAISDK(v2(settings).chatModel("chat")), fromAISDK(v3(settings).chatModel("chat")), fromAISDK(v4(settings).chatModel("chat")),
];

export const embeddingModels: EmbeddingModel[] = [
  fromAISDK(v2(settings).textEmbeddingModel("vectors"), { dimensions: 3 }),
  fromAISDK(v3(settings).textEmbeddingModel("vectors"), { dimensions: 3 }),
  fromAISDK(v4(settings).textEmbeddingModel("vectors"), { dimensions: 3 }),
];

export const reranker = (model: RerankingModelV3): Reranker => fromAISDK(model);

// @ts-expect-error an embedding model needs its dimensions
fromAISDK(v3(settings).textEmbeddingModel("vectors"));
