// What the page and its worker share.
import { useHost, type Host } from "./host.js";

async function fetched(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`smolrag: ${url.href} answered ${response.status}`);
  return response;
}

export const webHost: Host = {
  async module() {
    // `new URL(…, import.meta.url)` written out is what bundlers recognise as an asset.
    const response = await fetched(new URL("./wasm/smolrag_bg.wasm", import.meta.url));
    // Compiled while it arrives, which wants the right type.
    const streams = response.headers.get("content-type") === "application/wasm";
    return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
  },
  async embeddingTable() {
    const response = await fetched(new URL("./embedding.bin", import.meta.url));
    return new Uint8Array(await response.arrayBuffer());
  },
};

useHost(webHost);
