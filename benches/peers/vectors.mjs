// Packages that search vectors, each in the shortest way that its documentation shows. `build` gets unit vectors one behind the other;
// `search` gives ids, nearest first. `assets` are bytes of wasm files, where a package leaves loading them to its user.

const row = (vectors, dimensions, i) => vectors.subarray(i * dimensions, (i + 1) * dimensions);
const rows = (vectors, dimensions) => Array.from({ length: vectors.length / dimensions }, (_, i) => row(vectors, dimensions, i));

/** The plain loop, with four accumulators; with variables of its own, which Node 20 needs to run it as fast as it can. */
function loop() {
  let [own, ids] = [];
  return {
    build(names, vectors) {
      [own, ids] = [vectors.slice(), names.slice()];
    },
    search(query, k) {
      const vectors = own, width = query.length, best = [];
      for (let i = 0, at = 0; i < ids.length; i++) {
        let a = 0, b = 0, c = 0, d = 0;
        for (let j = 0; j < width; j += 4, at += 4) {
          a += query[j] * vectors[at];
          b += query[j + 1] * vectors[at + 1];
          c += query[j + 2] * vectors[at + 2];
          d += query[j + 3] * vectors[at + 3];
        }
        const score = a + b + c + d;
        if (best.length === k && score <= best[k - 1].score) continue;
        let place = best.length;
        while (place > 0 && best[place - 1].score < score) place--;
        best.splice(place, 0, { id: ids[i], score });
        if (best.length > k) best.pop();
      }
      return best.map(({ id }) => id);
    },
  };
}

async function smolrag() {
  const { VectorIndex, ready } = await import("smolrag");
  await ready();
  let index;
  return {
    build(ids, vectors, dimensions) {
      index = new VectorIndex(dimensions);
      index.add(ids, vectors);
    },
    search: (query, k) => index.search(query, k).map(({ id }) => id),
    bytes: () => index.bytes,
  };
}

async function orama() {
  const { create, insertMultiple, searchVector } = await import("@orama/orama");
  let db;
  return {
    async build(ids, vectors, dimensions) {
      db = create({ schema: { embedding: `vector[${dimensions}]` } });
      await insertMultiple(db, rows(vectors, dimensions).map((vector, i) => ({ id: ids[i], embedding: Array.from(vector) })), 10_000);
    },
    search: async (query, k) => (await searchVector(db, { vector: { value: Array.from(query), property: "embedding" }, limit: k, similarity: -1 })).hits.map(({ id }) => id),
  };
}

async function clientVectorSearch() {
  const { EmbeddingIndex } = await import("client-vector-search");
  let index;
  return {
    build(ids, vectors, dimensions) {
      index = new EmbeddingIndex(rows(vectors, dimensions).map((vector, i) => ({ id: ids[i], embedding: Array.from(vector) })));
    },
    search: async (query, k) => (await index.search(Array.from(query), { topK: k, useStorage: "none" })).map(({ object }) => object.id),
  };
}

async function voy({ assets }) {
  const bindings = await import("./node_modules/voy-search/voy_search_bg.js");
  const { instance } = await WebAssembly.instantiate(assets.voy, { "./voy_search_bg.js": bindings });
  bindings.__wbg_set_wasm(instance.exports);
  let index;
  return {
    build(ids, vectors, dimensions) {
      index = new bindings.Voy({ embeddings: rows(vectors, dimensions).map((vector, i) => ({ id: ids[i], title: "", url: "", embeddings: Array.from(vector) })) });
    },
    search: (query, k) => index.search(query, k).neighbors.map(({ id }) => id),
  };
}

async function hnswlib() {
  const { loadHnswlib } = await import("hnswlib-wasm");
  const library = await loadHnswlib();
  let index;
  return {
    build(ids, vectors, dimensions) {
      index = new library.HierarchicalNSW("ip", dimensions, "");
      index.initIndex(ids.length, 16, 200, 100);
      index.setEfSearch(100);
      index.addItems(rows(vectors, dimensions), false);
      this.names = ids;
    },
    search(query, k) {
      return index.searchKnn(query, k, undefined).neighbors.map((label) => this.names[label]);
    },
  };
}

async function edgevec({ assets }) {
  const { default: init, EdgeVec, EdgeVecConfig } = await import("edgevec/edgevec.js");
  await init({ module_or_path: assets.edgevec });
  let index;
  return {
    build(ids, vectors, dimensions) {
      const config = new EdgeVecConfig(dimensions);
      // Its cosine and dot give the farthest; of unit vectors the nearest by distance are the nearest by cosine.
      config.metric = "l2";
      index = new EdgeVec(config);
      this.names = new Map(rows(vectors, dimensions).map((vector, i) => [index.insert(vector), ids[i]]));
    },
    search(query, k) {
      return index.search(query, k).map(({ id }) => this.names.get(id));
    },
  };
}

async function usearch() {
  const { Index, MetricKind } = await import("usearch");
  let [index, names] = [];
  return {
    build(ids, vectors, dimensions) {
      index = new Index({ dimensions, metric: MetricKind.IP });
      index.add(BigUint64Array.from(ids, (_, i) => BigInt(i)), vectors);
      names = ids;
    },
    search: (query, k) => Array.from(index.search(query, k, 0).keys, (key) => names[Number(key)]),
  };
}

async function pglite() {
  const [{ PGlite }, { vector }] = await Promise.all([import("@electric-sql/pglite"), import("@electric-sql/pglite-pgvector")]);
  const db = await PGlite.create({ extensions: { vector } });
  return {
    async build(ids, vectors, dimensions) {
      await db.exec(`CREATE EXTENSION vector; CREATE TABLE items (id text, embedding vector(${dimensions}))`);
      const all = rows(vectors, dimensions);
      for (let from = 0; from < all.length; from += 500) {
        const part = all.slice(from, from + 500);
        await db.query(
          "INSERT INTO items SELECT id, embedding::vector FROM unnest($1::text[], $2::text[]) AS part (id, embedding)",
          [ids.slice(from, from + 500), part.map((vector) => `[${vector.join(",")}]`)],
        );
      }
    },
    search: async (query, k) => (await db.query("SELECT id FROM items ORDER BY embedding <=> $1 LIMIT $2", [`[${query.join(",")}]`, k])).rows.map(({ id }) => id),
  };
}

/** `most`: vectors past which it is left out, for its build takes minutes. `browser: false`: for Node alone; `node: false`: for browsers. */
export const peers = {
  "JS loop": { make: loop, most: Infinity },
  smolrag: { make: smolrag, most: Infinity },
  "client-vector-search": { make: clientVectorSearch, most: 100_000 },
  orama: { make: orama, most: 100_000 },
  "voy-search": { make: voy, most: 10_000 },
  "hnswlib-wasm": { make: hnswlib, most: 10_000, node: false },
  edgevec: { make: edgevec, most: 10_000 },
  usearch: { make: usearch, most: 100_000, browser: false },
  "PGlite + pgvector": { make: pglite, most: 10_000, browser: false },
};
