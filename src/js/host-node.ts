// What the main thread and its worker share.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { useHost, type Host } from "./host.js";

export const nodeHost: Host = {
  module: () => new WebAssembly.Module(readFileSync(new URL("./wasm/smolrag_bg.wasm", import.meta.url))),
  embeddingTable: async () => new Uint8Array(await readFile(new URL("./embedding.bin", import.meta.url))),
};

useHost(nodeHost);
