// Runs one case of the contract a request, inside workerd.
import table from "../../pkg/embedding.bin";
import * as pkg from "../../pkg/workerd.js";
import { contract } from "../contract/contract.mjs";

const embedder = pkg.staticEmbedder(table);
const cases = contract({ open: (options) => pkg.SmolRag.open({ embedder, ...options }), pkg, indexedDB: false });

export default {
  async fetch(request) {
    try {
      await cases[new URL(request.url).searchParams.get("case")]();
      return new Response("");
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
