// Retrieval quality on questions whose answering passage is known: `make eval`.
//
// For each mode: the share of questions whose passage lies within the first T tokens of the retrieved
// excerpts in the order of their rank, the share with the passage in one of the first k excerpts
// (hit@k), the mean reciprocal rank, and the share whose passage is in the answer. A question counts if its passage
// stands in the documents. Texts are compared without markdown and white space.
//
// What the graph adds is the difference between `mix` and `mix without graph`; the row after them is what `standard` has to be as
// good as on the questions of the shared folder. A second table shows what `diversity` does to answers.
//
// Two sets of questions: those of the shared folder, which share words with their passages, and paraphrased ones, which avoid them.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { SmolRag } from "../pkg/node.js";
import { paraphrased } from "./paraphrased.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const shared = process.env.SMOLRAG_SHARED ?? join(root, "../shared");
const modes = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
/** What is measured: the modes, and what the graph adds to `mix`. */
const rankings = [...modes.map((mode) => [mode, { mode }]), ["mix without graph", { mode: "mix", weights: { graph: 0 } }]];
const diversities = [0, 0.1, 0.2, 0.3, 0.5];
const budgets = [250, 500, 1000, 2000, 4000];
const charactersPerToken = 4.3;

/** Letters and digits only: what markdown and line breaks do not change. */
const plain = (text) => text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

function load(folder) {
  const documents = readdirSync(join(folder, "smolrag-docs")).filter((name) => name.endsWith(".md")).sort()
    .map((source) => ({ source, text: readFileSync(join(folder, "smolrag-docs", source), "utf8") }));
  const corpus = documents.map(({ text }) => plain(text)).join(" ");
  const answerable = (questions) => questions
    .map(({ query, pull_quote }) => ({ query, passage: plain(pull_quote) }))
    .filter(({ passage }) => corpus.includes(passage));
  const given = JSON.parse(readFileSync(join(folder, "questions.json"), "utf8"));
  return { documents, sets: { "questions": answerable(given), "paraphrased questions": answerable(paraphrased) } };
}

/** Every excerpt that the words of its own document find. */
async function allExcerpts(rag) {
  const all = new Map();
  for (const { text } of documents) {
    const { excerpts } = await rag.retrieve(plain(text), { mode: "standard", topK: 1000, maxTokens: 1e6 });
    for (const excerpt of excerpts) all.set(excerpt.id, excerpt);
  }
  if (all.size !== rag.stats().excerpts) throw new Error(`${all.size} of ${rag.stats().excerpts} excerpts were found`);
  return [...all.values()];
}

/**
 * What `standard` has to be as good as: BM25 (k1 1.2, b 0.75) over words as they stand, without stems, stop words or vectors.
 *
 * S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
 */
function plainBM25(excerpts) {
  const entries = excerpts.map(({ headings, text }) => plain([...headings, text].join(" ")).split(" "));
  const mean = entries.reduce((sum, words) => sum + words.length, 0) / entries.length;
  const counts = entries.map((words) => {
    const count = new Map();
    for (const word of words) count.set(word, (count.get(word) ?? 0) + 1);
    return count;
  });
  const holding = (word) => counts.filter((count) => count.has(word)).length;
  return (question) => {
    const asked = [...new Set(plain(question).split(" "))].map((word) => [word, Math.log(1 + (entries.length - holding(word) + 0.5) / (holding(word) + 0.5))]);
    const score = (at) => asked.reduce((sum, [word, rarity]) => {
      const often = counts[at].get(word) ?? 0;
      return sum + rarity * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * entries[at].length / mean));
    }, 0);
    const ranked = excerpts.map((excerpt, at) => ({ excerpt, score: score(at) })).filter(({ score }) => score > 0);
    return ranked.sort((a, b) => b.score - a.score).map(({ excerpt }) => excerpt);
  };
}

/** Of a ranking by excerpts alone nothing is answered. */
async function evaluate(questions, name, ranked, answer) {
  const within = budgets.map(() => 0);
  const hits = { 1: 0, 5: 0, 10: 0 };
  let reciprocal = 0;
  let answered = 0;
  for (const { query, passage } of questions) {
    const excerpts = await ranked(query);
    const all = excerpts.map(({ text }) => text).join("\n\n");
    budgets.forEach((tokens, i) => {
      within[i] += plain(all.slice(0, Math.floor(tokens * charactersPerToken))).includes(passage) ? 1 : 0;
    });
    const rank = excerpts.slice(0, 10).findIndex(({ text }) => plain(text).includes(passage)) + 1;
    for (const k of Object.keys(hits)) hits[k] += rank > 0 && rank <= k ? 1 : 0;
    if (rank > 0) reciprocal += 1 / rank;
    answered += plain((await answer?.(query) ?? "").replace(/\[\d+\]/g, "")).includes(passage) ? 1 : 0;
  }
  const share = (count) => Math.round((100 * count) / questions.length);
  return {
    name,
    ...Object.fromEntries(budgets.map((tokens, i) => [`T=${tokens}`, share(within[i])])),
    "hit@1": share(hits[1]), "hit@5": share(hits[5]), "hit@10": share(hits[10]),
    "MRR@10": Number((reciprocal / questions.length).toFixed(3)),
    ...(answer && { "in answer": share(answered) }),
  };
}

/** Shares of questions whose passage is among the five excerpts of an answer, and in the answer. */
async function diversify(rag, questions, diversity) {
  const row = { diversity };
  for (const mode of ["standard", "mix"]) {
    let [found, answered] = [0, 0];
    for (const { query, passage } of questions) {
      const { excerpts } = await rag.retrieve(query, { mode, diversity });
      found += excerpts.some(({ text }) => plain(text).includes(passage)) ? 1 : 0;
      const { text } = await rag.query(query, { mode, diversity });
      answered += plain(text.replace(/\[\d+\]/g, "")).includes(passage) ? 1 : 0;
    }
    row[`${mode}: in excerpts`] = Math.round((100 * found) / questions.length);
    row[`${mode}: in answer`] = Math.round((100 * answered) / questions.length);
  }
  return row;
}

const folder = join(shared, "data");
if (!existsSync(folder)) {
  console.log(`eval: there is no ${folder}; set SMOLRAG_SHARED to a folder with data/questions.json and data/smolrag-docs`);
  process.exit(0);
}
const { documents, sets } = load(folder);
for (const embedder of [undefined, "none"]) {
  const excerpts = JSON.parse(process.env.EXCERPTS ?? "{}");
  const rag = await SmolRag.open({ storage: "memory", excerpts, ...(embedder && { embedder }) });
  await rag.ingest(documents);
  const { excerpts: count, entities, relationships } = rag.stats();
  console.log(`\n${documents.length} documents, ${count} excerpts, ${entities} entities, ${relationships} relationships; ${embedder ? "no embedder" : "built-in embedder"}`);
  const byWords = plainBM25(await allExcerpts(rag));
  for (const [name, questions] of Object.entries(sets)) {
    console.log(`${questions.length} ${name}; shares in %`);
    const rows = [];
    for (const [ranking, options] of rankings) {
      const ranked = async (query) => (await rag.retrieve(query, { ...options, topK: 1000, maxTokens: 8000 })).excerpts;
      rows.push(await evaluate(questions, ranking, ranked, async (query) => (await rag.query(query, options)).text));
    }
    rows.push(await evaluate(questions, "plain BM25", byWords));
    console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
    if (embedder) continue;
    const by = [];
    for (const diversity of diversities) by.push(await diversify(rag, questions, diversity));
    console.table(Object.fromEntries(by.map(({ diversity, ...row }) => [`diversity ${diversity}`, row])));
  }
  await rag.close();
}
