// The entry for Node.
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { useHost } from "./host.js";
import { initSync } from "./wasm/smolrag.js";

useHost({
  start: () => void initSync({ module: readFileSync(new URL("./wasm/smolrag_bg.wasm", import.meta.url)) }),
  embeddingTable: async () => new Uint8Array(await readFile(new URL("./embedding.bin", import.meta.url))),
});

export * from "./index.js";
