// Packages that search text, each as its documentation shows; all get the same texts and give the ids of the ten best.

async function smolrag() {
  const { LexicalIndex, ready } = await import("smolrag");
  await ready();
  const index = new LexicalIndex();
  return { build: (ids, texts) => index.add(ids, texts), search: (query, k) => index.search(query, k).map(({ id }) => id) };
}

async function minisearch() {
  const { default: MiniSearch } = await import("minisearch");
  const index = new MiniSearch({ fields: ["text"] });
  return {
    build: (ids, texts) => index.addAll(texts.map((text, i) => ({ id: ids[i], text }))),
    // It has no limit of its own.
    search: (query, k) => index.search(query).slice(0, k).map(({ id }) => id),
  };
}

async function flexsearch() {
  const { default: FlexSearch } = await import("flexsearch");
  const index = new FlexSearch.Index({ tokenize: "strict", encoder: FlexSearch.Charset?.LatinBalance });
  return {
    build: (ids, texts) => texts.forEach((text, i) => index.add(ids[i], text)),
    // Without `suggest` a question finds only what has all of its words: mostly nothing.
    search: (query, k) => index.search(query, { limit: k, suggest: true }),
  };
}

async function orama() {
  const { create, insertMultiple, search } = await import("@orama/orama");
  const db = create({ schema: { text: "string" } });
  return {
    build: (ids, texts) => insertMultiple(db, texts.map((text, i) => ({ id: ids[i], text })), 10_000),
    search: async (query, k) => (await search(db, { term: query, limit: k })).hits.map(({ id }) => id),
  };
}

export const peers = { smolrag: { make: smolrag }, minisearch: { make: minisearch }, flexsearch: { make: flexsearch }, orama: { make: orama } };
