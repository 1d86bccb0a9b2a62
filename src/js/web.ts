// The entry for browsers: page, dedicated worker, extension, bundled or not.
import { useHost } from "./host.js";
import init from "./wasm/smolrag.js";

async function fetchBytes(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`smolrag: ${url.href} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

useHost({
  // `new URL(…, import.meta.url)` written out is what bundlers recognise as an asset.
  start: async () => void (await init({ module_or_path: new URL("./wasm/smolrag_bg.wasm", import.meta.url) })),
  embeddingTable: () => fetchBytes(new URL("./embedding.bin", import.meta.url)),
});

export * from "./index.js";
