import { SmolRag } from "../../pkg/workerd.js";

const text = "# Request queue\n\nThe **request queue** holds at most 1024 waiting calls.\n\nThe **request queue** serves `SmolRag`.\n";

export default {
  async fetch() {
    const rag = await SmolRag.open();
    await rag.ingest([{ source: "guide.md", text }]);
    const found = {};
    for (const mode of ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"]) {
      const answer = await rag.query("How many calls wait in the request queue?", { mode });
      found[mode] = { text: answer.text, references: answer.references.length };
    }
    return Response.json(found);
  },
};
