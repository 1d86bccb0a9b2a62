// What the two indices promise by themselves, the same in every host.
import { equal, ok } from "./expect.mjs";

function throws(work, code) {
  try {
    work();
  } catch (error) {
    equal(error.name, "SmolRagError", String(error.stack));
    equal(error.code, code, error.message);
    return;
  }
  throw new Error(`expected ${code} to be thrown`);
}

/** The same numbers in every run. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

function vectors(count, dimensions, seed) {
  const roll = dice(seed);
  const centres = Float32Array.from({ length: 20 * dimensions }, roll);
  return Float32Array.from({ length: count * dimensions }, (_, i) => {
    const centre = (Math.imul(Math.floor(i / dimensions), 7919) >>> 0) % 20;
    return centres[centre * dimensions + (i % dimensions)] + 0.5 * roll();
  });
}

function nearest(all, dimensions, query, k) {
  const length = (vector) => Math.hypot(...vector);
  const cosine = (vector) => vector.reduce((sum, value, i) => sum + value * query[i], 0) / length(vector) / length(query);
  return Array.from({ length: all.length / dimensions }, (_, i) => ({ id: `v${i}`, score: cosine(all.subarray(i * dimensions, (i + 1) * dimensions)) }))
    .sort((a, b) => b.score - a.score).slice(0, k);
}

const ids = (count, from = 0) => Array.from({ length: count }, (_, i) => `v${from + i}`);
const found = (matches) => matches.map(({ id }) => id);

/** @param {{ pkg: object }} host */
export function indexes({ pkg }) {
  const vectorIndex = async (dimensions) => {
    await pkg.ready();
    return new pkg.VectorIndex(dimensions);
  };
  const lexicalIndex = async () => {
    await pkg.ready();
    return new pkg.LexicalIndex();
  };

  return {
    async "a vector index finds, replaces and removes"() {
      const index = await vectorIndex(2);
      index.add(["east", "north", "nowhere"], new Float32Array([2, 0, 0, 1, 0, 0]));
      equal(index.length, 3);
      const [first, second, ...rest] = index.search(new Float32Array([1, 0.1]), 5);
      equal([first.id, second.id, rest.length], ["east", "north", 0]);
      ok(Math.abs(first.score - 1 / Math.hypot(1, 0.1)) < 1e-4, `${first.score}`);
      index.add(["east", "west", "west"], new Float32Array([0, -1, 9, 9, -1, 0]));
      equal(index.length, 4);
      equal(found(index.search(new Float32Array([-1, 0.1]), 1)), ["west"]);
      equal(found(index.search(new Float32Array([0, -1]), 1)), ["east"]);
      equal(index.remove(["west", "west", "unknown"]), 1);
      equal(found(index.search(new Float32Array([-1, 0.1]), 9)), ["north", "east"]);
      index.free();
    },

    async "of many vectors the nearest are found, exactly if asked"() {
      const [count, dimensions] = [3000, 96];
      const all = vectors(count, dimensions, 1);
      const index = await vectorIndex(dimensions);
      index.add(ids(1000), all.subarray(0, 1000 * dimensions));
      index.add(ids(2000, 1000), all.subarray(1000 * dimensions));
      let [approximate, exact] = [0, 0];
      for (let q = 0; q < 20; q++) {
        const query = all.slice(q * 37 * dimensions, (q * 37 + 1) * dimensions);
        const expected = new Set(found(nearest(all, dimensions, query, 10)));
        approximate += found(index.search(query, 10)).filter((id) => expected.has(id)).length;
        exact += found(index.search(query, 10, { exact: true })).filter((id) => expected.has(id)).length;
      }
      ok(approximate >= 198 && exact >= 199, `${approximate} and ${exact} of 200`);
      ok(index.bytes < 1.75 * dimensions * count + 4 * 2 ** 15, `${index.bytes} bytes`);
      index.free();
    },

    async "removed vectors leave no trace"() {
      const [count, dimensions] = [2500, 32];
      const all = vectors(count, dimensions, 2);
      const [index, fresh] = [await vectorIndex(dimensions), await vectorIndex(dimensions)];
      index.add(ids(count), all);
      index.remove(ids(count).filter((_, i) => i % 3 === 0));
      for (let i = count - 1; i >= 0; i--) {
        if (i % 3 !== 0) fresh.add([`v${i}`], all.subarray(i * dimensions, (i + 1) * dimensions));
      }
      for (let q = 0; q < 10; q++) {
        const query = all.subarray(q * dimensions, (q + 1) * dimensions);
        equal(index.search(query, 10), fresh.search(query, 10));
      }
      for (const each of [index, fresh]) each.free();
    },

    async "equal scores go by id, filters hold, and what a filter throws arrives"() {
      const index = await vectorIndex(32);
      const names = ids(2000).reverse();
      index.add(names, new Float32Array(2000 * 32).fill(1));
      const query = new Float32Array(32).fill(2);
      equal(found(index.search(query, 3)), ["v0", "v1", "v10"]);
      equal(found(index.search(query, 2, { filter: (id) => id.endsWith("7") })), ["v1007", "v1017"]);
      equal(index.search(query, 2, { filter: () => false }), []);
      let thrown;
      try {
        index.search(query, 2, { filter: () => { throw new RangeError("mine"); } });
      } catch (error) {
        thrown = error;
      }
      equal(String(thrown), "RangeError: mine");
      throws(() => index.search(query, 2, { filter: () => index.remove(["v1"]) > 0 }), "invalid-argument");
      equal(index.length, 2000);
      index.free();
    },

    async "bad input to an index is refused and changes nothing"() {
      await pkg.ready();
      for (const dimensions of [0, 1.5, 4097, "3", undefined]) throws(() => new pkg.VectorIndex(dimensions), "invalid-argument");
      const index = await vectorIndex(2);
      index.add(["a"], new Float32Array([1, 0]));
      const before = index.search(new Float32Array([1, 1]), 9);
      for (const [names, values] of [
        [["a", "b"], new Float32Array(2)], [["b"], [1, 2]], [[1], new Float32Array(2)], ["b", new Float32Array(2)],
        [["a", "b"], new Float32Array([0, 1, NaN, 0])], [["b"], new Float32Array([Infinity, 0])],
      ]) throws(() => index.add(names, values), "invalid-argument");
      throws(() => index.search(new Float32Array(3), 1), "invalid-argument");
      throws(() => index.search(new Float32Array([NaN, 0]), 1), "invalid-argument");
      throws(() => index.search(new Float32Array(2), -1), "invalid-argument");
      throws(() => index.search(new Float32Array(2), 1, { filter: 1 }), "invalid-argument");
      throws(() => index.remove("a"), "invalid-argument");
      equal(index.search(new Float32Array([1, 1]), 9), before);
      equal(index.search(new Float32Array([1, 1]), 0), []);
      index.free();
      throws(() => index.search(new Float32Array(2), 1), "closed");
      const lexical = await lexicalIndex();
      lexical.add(["a"], ["tea"]);
      for (const [names, texts] of [[["b"], []], [["b"], [1]], [["b", "c"], ["x", { heading: "y" }]], [[{}], ["x"]]]) {
        throws(() => lexical.add(names, texts), "invalid-argument");
      }
      throws(() => lexical.search(1, 1), "invalid-argument");
      equal(lexical.length, 1);
      lexical.free();
      throws(() => lexical.add([], []), "closed");
    },

    async "a lexical index finds words, fields, scripts, beginnings and typos"() {
      const index = await lexicalIndex();
      index.add(["a", "b", "c", "d"], [
        "Excerpts are cut at paragraphs.",
        { text: "It orders every call.", heading: "Request queue", summary: "About fairness." },
        "知识图谱用于检索",
        "The queue waits.",
      ]);
      equal(found(index.search("paragraph", 5)), ["a"]);
      equal(found(index.search("request queues", 5)), ["b", "d"]);
      equal(found(index.search("fair", 5, { prefix: true })), ["b"]);
      equal(found(index.search("图谱", 5)), ["c"]);
      equal(found(index.search("paragrph", 5)), []);
      equal(found(index.search("paragrph", 5, { typos: true })), ["a"]);
      equal(found(index.search("queue", 5, { filter: (id) => id !== "b" })), ["d"]);
      index.add(["a"], ["The queue of the queue is a queue."]);
      equal(index.remove(["b", "x"]), 1);
      index.add(["e"], ["paragraphs"]);
      equal([index.length, found(index.search("queue", 5)), found(index.search("paragraph", 5))], [4, ["a", "d"], ["e"]]);
      ok(index.bytes > 0);
      index.free();
    },

    async "many indices live side by side and are given back"() {
      const all = [];
      for (let i = 0; i < 50; i++) {
        const index = await vectorIndex(1);
        index.add([`${i}`], new Float32Array([1]));
        all.push(index);
      }
      all.forEach((index, i) => equal(found(index.search(new Float32Array([2]), 1)), [`${i}`]));
      for (const index of all) index.free();
    },
  };
}
