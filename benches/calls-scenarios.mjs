// What is measured of concurrent calls. Runs in a page.

const modes = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
const questions = [
  "How are excerpts made?", "What is the request queue?", "Which storages are there?", "What happens when a document is removed?",
  "How is a model given?", "What does a Worker need?", "How many calls may wait?", "What are entities?",
];

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const rounded = (value) => Math.round(value * 1000) / 1000;

function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN);
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** Everything over 50 ms that held up this thread meanwhile, longest first. */
async function longTasks(work) {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
  await pause(200);
  observer.observe({ type: "longtask" });
  const result = await work();
  await pause(200);
  tasks.push(...observer.takeRecords().map(({ duration }) => duration));
  observer.disconnect();
  return [result, tasks.sort((a, b) => b - a)];
}

/** The frames' lateness: the longest time between two turns of the event loop. */
function heartbeat() {
  let [last, longest, on] = [performance.now(), 0, true];
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (on) setTimeout(() => port2.postMessage(0), 1);
  };
  port2.postMessage(0);
  return () => {
    on = false;
    port1.close();
    return rounded(longest);
  };
}

async function timed(call) {
  const started = performance.now();
  const result = await call();
  return [performance.now() - started, result];
}

const documentOf = (i, words = 60) => ({
  source: `generated/${i}.md`,
  text: Array.from({ length: 6 }, (_, p) => `## Part ${p} of ${i}\n\n${Array.from({ length: words }, (_, w) => ((i * 31 + p * 17 + w * w * 7) % 97 === 0 ? `**Component ${(i + w) % 40}**` : `word${(i * 7 + p * 13 + w * 11) % 500}`)).join(" ")}.`).join("\n\n"),
});

/** SmolRAG's own scenario: queries at once over the five modes, during an ingest. */
export async function during(SmolRag, { corpus, worker }) {
  const rag = await SmolRag.open({ storage: "memory", worker });
  await rag.ingest(corpus);
  const query = (i) => rag.query(questions[i % questions.length], { mode: modes[i % modes.length] });
  for (let i = 0; i < 20; i += 1) await query(i);
  const alone = [];
  for (let i = 0; i < 100; i += 1) alone.push(await timed(() => query(i)));
  const found = { alone: quantiles(alone.map(([time]) => time)), "alone, in the queue": quantiles(alone.map(([, { timings }]) => timings.queue)) };
  let next = 0;
  for (const count of [10, 50, 200]) {
    const ingest = rag.ingest(Array.from({ length: 40 }, () => documentOf((next += 1))));
    const [elapsed, calls] = await timed(() => Promise.all(Array.from({ length: count }, (_, i) => timed(() => query(i)))));
    await ingest;
    found[`${count} at once`] = quantiles(calls.map(([time]) => time));
    found[`${count} at once, in the queue`] = quantiles(calls.map(([, { timings }]) => timings.queue));
    found[`${count} at once, a second`] = Math.round((1000 * count) / elapsed);
  }
  await rag.close();
  return found;
}

/** Queries one after another, idle and while 500 documents are ingested, with a language model that takes 50 ms. */
export async function slowModel(SmolRag, { corpus, worker, count = 500 }) {
  const llm = {
    id: "slow",
    async complete({ system = "", prompt }) {
      await pause(50);
      if (!`${system}${prompt}`.includes("<|COMPLETE|>")) return '{"high_level_keywords": ["queue"], "low_level_keywords": ["request queue"]}';
      const names = [...new Set(prompt.match(/Component \d+/g))].slice(0, 6);
      const entities = names.map((name) => `("entity"<|>${name}<|>component<|>${name} is a part of it)`);
      const relationships = names.slice(1).map((name) => `("relationship"<|>${names[0]}<|>${name}<|>They work together<|>cooperation<|>5)`);
      return `${[...entities, ...relationships].join("+|+")}<|COMPLETE|>`;
    },
  };
  const rag = await SmolRag.open({ storage: "memory", llm, worker });
  await rag.ingest(corpus.slice(0, 3));
  let asked = 0;
  // Each question is new, so that no answer comes from the cache.
  const query = () => rag.query(`${questions[asked % questions.length]} (${(asked += 1)})`, { mode: modes[asked % modes.length] });
  for (let i = 0; i < 5; i += 1) await query();
  const idle = [];
  for (let i = 0; i < 60; i += 1) idle.push((await timed(query))[0]);
  const [busy, tasks] = await longTasks(async () => {
    const beat = heartbeat();
    let running = true;
    const ingest = rag.ingest(Array.from({ length: count }, (_, i) => documentOf(i, 30))).finally(() => (running = false));
    const times = [];
    while (running) times.push((await timed(query))[0]);
    const { ingested, failed } = await ingest;
    if (failed.length > 0 || ingested.length !== count) throw new Error(JSON.stringify(failed[0]));
    return { times, longest: beat() };
  });
  await rag.close();
  return { idle: quantiles(idle), ingesting: quantiles(busy.times), "tasks over 50 ms": tasks.length, longest: rounded(tasks[0] ?? 0), "longest turn": busy.longest };
}

/** The tasks of an ingest by the built-in models: many documents, and one of 1 and of 8 MB. */
export async function builtIn(SmolRag, { corpus, worker, sizes = [1, 8] }) {
  const prose = corpus.map(({ text }) => text).join("\n\n");
  const large = (megabytes) => {
    let text = "";
    for (let i = 0; text.length < megabytes * 1e6; i += 1) text += `\n\n# Volume ${i}\n\n${prose.replaceAll("queue", `queue${i % 7}`)}`;
    return text.slice(0, megabytes * 1e6);
  };
  const found = {};
  const cases = { "500 documents": Array.from({ length: 500 }, (_, i) => documentOf(i)) };
  for (const size of sizes) cases[`${size} MB`] = [{ source: "large.md", text: large(size) }];
  for (const [name, documents] of Object.entries(cases)) {
    const rag = await SmolRag.open({ storage: "memory", worker });
    const [{ elapsed, longest }, tasks] = await longTasks(async () => {
      const beat = heartbeat();
      const [elapsed, { failed }] = await timed(() => rag.ingest(documents));
      if (failed.length > 0) throw new Error(JSON.stringify(failed));
      return { elapsed, longest: beat() };
    });
    found[name] = { milliseconds: Math.round(elapsed), "tasks over 50 ms": tasks.length, "the longest": tasks.slice(0, 4).map(rounded), "longest turn": longest };
    await rag.close();
  }
  return found;
}
