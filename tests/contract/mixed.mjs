// Thousands of mixed calls at once on one knowledge base, held against a model: what each write reports, what each read
// may see, what is there in the end, and that nothing is left behind.
import { dice } from "./dice.mjs";
import { equal, ok } from "./expect.mjs";
import { strays } from "./strays.mjs";

const modes = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
const firsts = ["Request", "Storage", "Vector", "Lexical", "Graph", "Commit", "Rate", "Token", "Merge", "Cache", "Model", "Excerpt"];
const lasts = ["Queue", "Adapter", "Index", "Limiter", "Bucket", "Log", "Reader", "Splitter", "Ledger", "Router", "Planner", "Keeper"];
const topics = firsts.flatMap((first) => lasts.map((last) => `${first} ${last}`));
const verbs = ["feeds", "bounds", "serves", "orders", "extends", "replaces"];

/** A document whose every sentence says of which source and version it is. */
function textOf(source, version, roll) {
  const sentence = () => `The **${topics[roll(topics.length)]}** ${verbs[roll(6)]} the **${topics[roll(topics.length)]}** in ${source} version ${version}.`;
  return [`# ${topics[roll(topics.length)]}`, ...Array.from({ length: 1 + roll(2) }, sentence)].join("\n\n");
}

/** What is known of each source: every text it ever had, and the writes on it in the order of their calls. */
class Model {
  sources = new Map();

  of(source) {
    if (!this.sources.has(source)) this.sources.set(source, { texts: new Set(), writes: [], now: undefined });
    return this.sources.get(source);
  }

  /** Goes through the writes in their order; each must have reported what the model says. */
  settle() {
    for (const [source, known] of this.sources) {
      for (const { text, outcome } of known.writes) {
        if (outcome === "aborted") continue;
        const expected = text === undefined ? known.now !== undefined
          : known.now === undefined ? "ingested" : known.now === text ? "unchanged" : "updated";
        equal(outcome, expected, `a write on ${source}`);
        known.now = text;
      }
      known.writes = [];
      known.texts = new Set(known.now === undefined ? [] : [known.now]);
    }
  }

  /** Everything that a read saw of one source must be of one version of it. */
  check(excerpts) {
    const bySource = Map.groupBy?.(excerpts, ({ source }) => source) ?? grouped(excerpts);
    for (const [source, seen] of bySource) {
      const fits = (text) => seen.every((excerpt) => text.slice(excerpt.start, excerpt.end) === excerpt.text);
      ok([...this.of(source).texts].some(fits), `what was read of ${source} is of no one version of it`);
    }
  }

  documents() {
    return [...this.sources].filter(([, { now }]) => now !== undefined).map(([source, { now }]) => ({ source, text: now }));
  }
}

function grouped(excerpts) {
  const groups = new Map();
  for (const excerpt of excerpts) groups.set(excerpt.source, [...(groups.get(excerpt.source) ?? []), excerpt]);
  return groups;
}

/** Makes all the calls at once, a tenth of them aborted at a random moment. */
async function round(rag, model, { calls, sources, roll }) {
  const name = () => `${roll(sources)}.md`;
  const write = (source, text) => {
    const entry = { text, outcome: "aborted" };
    const known = model.of(source);
    known.writes.push(entry);
    if (text !== undefined) known.texts.add(text);
    return entry;
  };
  const reported = (report, source) => {
    equal(report.failed, []);
    return ["ingested", "updated", "unchanged"].find((kind) => report[kind].includes(source));
  };
  const kinds = {
    async ingest(options) {
      // Of several documents some may be in before the call is aborted, so such a call is not.
      const names = new Set([name(), ...(options.signal ? [] : [name(), name()])]);
      const documents = [...names].map((source) => ({ source, text: textOf(source, roll(1e6), roll) }));
      const entries = documents.map(({ source, text }) => write(source, text));
      const report = await rag.ingest(documents, options);
      documents.forEach(({ source }, i) => (entries[i].outcome = reported(report, source)));
    },
    async again(options) {
      const source = name();
      const text = [...model.of(source).texts].at(-1) ?? textOf(source, 0, roll);
      const entry = write(source, text);
      entry.outcome = reported(await rag.ingest([{ source, text }], options), source);
    },
    async remove(options) {
      const source = name();
      const entry = write(source, undefined);
      entry.outcome = await rag.remove(source, options);
    },
    retrieve: async (options) => model.check((await rag.retrieve(`${topics[roll(topics.length)]} ${verbs[roll(6)]}`, { mode: modes[roll(5)], ...options })).excerpts),
    query: async (options) => model.check((await rag.query(`What ${verbs[roll(6)]} the ${topics[roll(topics.length)]}?`, { mode: modes[roll(5)], ...options })).references),
    async stream(options) {
      for await (const part of rag.stream(`What is the ${topics[roll(topics.length)]}?`, { mode: modes[roll(5)], ...options })) {
        if (part.type === "done") model.check(part.answer.references);
      }
    },
    async text() {
      const source = name();
      const text = await rag.text(source);
      ok(text === undefined || model.of(source).texts.has(text), `${source} has a text that nobody gave it`);
    },
    async browse() {
      await Promise.all([rag.documents(), rag.entity(topics[roll(topics.length)]), rag.graph({ limit: 20 })]);
    },
  };
  const choice = ["ingest", "ingest", "again", "remove", "remove", "retrieve", "retrieve", "query", "query", "stream", "text", "browse"];
  const settled = { done: 0, aborted: 0 };
  const made = [];
  for (let i = 0; i < calls; i += 1) {
    const controller = roll(10) === 0 ? new AbortController() : undefined;
    const when = roll(4);
    if (controller && when === 0) controller.abort();
    const call = kinds[choice[roll(choice.length)]](controller ? { signal: controller.signal } : {});
    if (controller && when === 1) controller.abort();
    if (controller && when > 1) setTimeout(() => controller.abort(), roll(2000));
    made.push(call.then(
      () => (settled.done += 1),
      (error) => {
        if (error.code !== "aborted" || !controller) throw error;
        settled.aborted += 1;
      },
    ));
  }
  const failures = (await Promise.allSettled(made)).filter(({ status }) => status === "rejected");
  if (failures.length > 0) throw failures[0].reason;
  equal(settled.done + settled.aborted, calls);
  model.settle();
  return settled;
}

/** What there is, as it can be asked for. */
async function state(rag) {
  const found = [];
  for (const mode of modes) for (const topic of topics.slice(0, 24)) found.push(await rag.retrieve(topic, { mode, topK: 20 }));
  return [await rag.documents(), await rag.graph({ limit: 1000 }), found];
}

/**
 * Two rounds of calls, and more where memory may be growing. Gives back what was done; throws if a promise does not settle as it must.
 * @param {{ open: (options?: object) => Promise<object>, memory: () => number }} host `memory` is the bytes held,
 *   garbage left out
 * @param {{ seed: number, calls?: number }} options
 */
export async function mixed({ open, memory }, { seed, calls = 10_000, sources = 16 }) {
  const stop = strays();
  const roll = dice(seed);
  const rag = await open({ storage: "memory", limits: { queue: 2 * calls } });
  const model = new Model();
  // All rounds begin with a full knowledge base, so that their peaks compare: wasm memory does not shrink.
  for (let i = 0; i < sources; i += 1) {
    const [source, text] = [`${i}.md`, textOf(`${i}.md`, 0, roll)];
    await rag.ingest([{ source, text }]);
    Object.assign(model.of(source), { now: text, texts: new Set([text]) });
  }
  const rounds = [];
  const held = [];
  // One round's peak may be a step of the allocator above another's. What leaks grows with each.
  const grows = () => held.at(-1) > 1.05 * Math.max(...held.slice(0, -1));
  for (let number = 0; number < 2 || (grows() && number < 5); number += 1) {
    const started = performance.now();
    const settled = await round(rag, model, { calls, sources, roll });
    rounds.push({ ...settled, milliseconds: Math.round(performance.now() - started) });
    held.push(await memory());
  }
  const fresh = await open({ storage: "memory" });
  await fresh.ingest(model.documents());
  equal(await state(rag), await state(fresh), "the state is not that of a fresh instance");
  await fresh.close();
  const { reads, writes } = rag.stats().queue;
  equal([reads.waiting, reads.running, writes.waiting, writes.running, writes.committing], [0, 0, 0, 0, 0]);
  ok(!grows(), `memory grew in each round: ${held} bytes`);
  await rag.close();
  equal(await stop(), []);
  return { seed, rounds, held };
}
