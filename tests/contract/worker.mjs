// What `open({ worker: true })` adds to the contract, which it also passes as a whole.
import { equal, ok, rejects } from "./expect.mjs";

const guide = "# Request queue\n\nThe **request queue** holds at most 1024 waiting calls. The **request queue** serves `SmolRag`.\n";
const never = () => new Promise(() => {});

/**
 * The cases by name.
 * @param {{ open: (options?: object) => Promise<object>, kill: () => void }} host `open` in a worker; `kill` ends the
 *   worker that was started last, without a word
 */
export function worker({ open, kill }) {
  return {
    async "a worker that dies: what is pending rejects with internal, the next call starts another"() {
      const silent = { id: "silent", dimensions: 2, embed: (texts) => (texts.join().includes("silence") ? never() : Promise.resolve(texts.map(() => [1, 0]))) };
      const rag = await open({ storage: "memory", embedder: silent });
      const commits = [];
      rag.on("commit", ({ source }) => commits.push(source));
      await rag.ingest([{ source: "guide.md", text: guide }]);
      const graph = await rag.graph();
      for (let round = 0; round < 2; round += 1) {
        const pending = [rag.ingest([{ source: "a.md", text: "silence" }]), rag.query("silence"), rag.stream("silence").next()];
        const outcomes = pending.map((call) => rejects(call, "internal"));
        kill();
        await Promise.all(outcomes);
        equal([await rag.graph(), await rag.text("guide.md"), rag.stats().documents], [graph, guide, 1]);
      }
      await rag.ingest([{ source: "b.md", text: guide }]);
      equal(commits, ["guide.md", "b.md"]);
      const last = rejects(rag.query("silence"), "internal");
      kill();
      await last;
      await rag.close();
      await rejects(rag.documents(), "closed");
    },

    async "a signal crosses to the worker, and from there to the model"() {
      const controller = new AbortController();
      let told;
      const aborted = new Promise((resolve) => (told = resolve));
      const llm = {
        id: "slow",
        complete: ({ signal }) => new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            told();
            reject(new Error("stopped"));
          });
          controller.abort();
        }),
      };
      const rag = await open({ storage: "memory", llm, embedder: "none" });
      const call = rag.ingest([{ source: "guide.md", text: guide }], { signal: controller.signal });
      await rejects(call, "aborted");
      equal(rag.stats().documents, 0);
      await aborted;
      await rag.close({ force: true });
    },

    async "leaving a stream ends that of the model"() {
      let ended;
      const done = new Promise((resolve) => (ended = resolve));
      const llm = {
        id: "talkative",
        complete: async () => '("entity"<|>Request Queue<|>component<|>Orders all calls)<|COMPLETE|>',
        async *stream({ signal }) {
          try {
            while (!signal.aborted) {
              yield "word ";
              await new Promise((resolve) => setTimeout(resolve, 1));
            }
          } finally {
            ended();
          }
        },
      };
      const rag = await open({ storage: "memory", llm, embedder: "none" });
      equal((await rag.ingest([{ source: "guide.md", text: guide }])).ingested, ["guide.md"]);
      let parts = 0;
      for await (const part of rag.stream("How many calls?", { mode: "standard" })) {
        if (part.type === "text" && (parts += 1) === 5) break;
      }
      // In Node, an engine that nobody waits for does not keep the process up.
      const waiting = setInterval(() => {}, 1000);
      await done;
      clearInterval(waiting);
      await rag.close();
    },

    async "a splitter and a progress callback stay on the page"() {
      const seen = [];
      const rag = await open({ storage: "memory", embedder: "none", excerpts: { strategy: async (text) => (seen.push("split"), text.match(/[^.]+\./g)) } });
      const report = await rag.ingest([{ source: "guide.md", text: "First. Second. Third." }], { onProgress: ({ stage, done }) => seen.push(`${stage} ${done}`) });
      equal(report.ingested, ["guide.md"]);
      equal([seen[0], seen[1], seen.at(-1)], ["split", "excerpts 3", "commit 1"]);
      equal(rag.stats().excerpts, 3);
      await rag.close();
    },

    async "what cannot be sent is refused as an argument"() {
      const rag = await open({ storage: "memory", embedder: "none" });
      await rejects(rag.ingest([{ source: "a.md", text: "Text.", metadata: { value: () => 1 } }]), "invalid-argument");
      await rejects(rag.remove(Symbol("a.md")), "invalid-argument");
      ok((await rag.documents()).length === 0);
      await rag.close();
    },
  };
}
