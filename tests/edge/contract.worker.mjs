// Runs one case of the contract a request, inside workerd.
import table from "../../pkg/embedding.bin";
import * as pkg from "../../pkg/workerd.js";
import { contract } from "../contract/contract.mjs";

const embedder = pkg.staticEmbedder(table);
const open = (options) => pkg.SmolRag.open({ embedder, ...options });

export default {
  async fetch(request) {
    try {
      const { name, corpora } = await request.json();
      await contract({ open, pkg, indexedDB: false, corpora })[name]();
      return new Response("");
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
