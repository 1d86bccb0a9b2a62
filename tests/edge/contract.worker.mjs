// Runs one case of the contract a request, inside workerd.
import table from "../../pkg/embedding.bin";
import * as pkg from "../../pkg/workerd.js";
import { contract } from "../contract/contract.mjs";
import { indexes } from "../contract/indexes.mjs";
import { providers } from "../contract/providers.mjs";

const embedder = pkg.staticEmbedder(table);
const open = (options) => pkg.SmolRag.open({ embedder, ...options });

export default {
  async fetch(request) {
    try {
      const { name, corpora, url } = await request.json();
      const cases = { ...contract({ open, pkg, indexedDB: false, corpora }), ...providers({ open, pkg, url }), ...indexes({ pkg }) };
      await cases[name]();
      return new Response("");
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
