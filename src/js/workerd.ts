// The entry for Cloudflare Workers: the module is compiled ahead, at deployment.
import { useHost } from "./host.js";
// @ts-expect-error TypeScript knows no wasm modules; workerd gives a WebAssembly.Module.
import module from "./wasm/smolrag_bg.wasm";

useHost({
  module: () => module as WebAssembly.Module,
  // 4 MB of a Worker's budget: given by who wants it, `open({ embedder: staticEmbedder(table) })`.
  embeddingTable: () => Promise.resolve(undefined),
});

export * from "./index.js";
