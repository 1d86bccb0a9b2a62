// Vectors to search, the same in every run.

/** xoshiro128**, D. Blackman and S. Vigna, 2018. */
function dice(seed) {
  let [a, b, c, d] = [seed, 362436069, 521288629, 88675123];
  return () => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 2 ** 32;
  };
}

function normal(roll) {
  return Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll());
}

/** Unit vectors around centres, a hundred to each, with queries from the same clusters. */
export function clustered(count, dimensions, queryCount, spread = 0.3) {
  const roll = dice(1);
  const clusters = Math.max(1, Math.round(count / 100));
  const centres = new Float32Array(clusters * dimensions);
  for (let i = 0; i < centres.length; i++) centres[i] = normal(roll);
  const draw = (total) => {
    const vectors = new Float32Array(total * dimensions);
    for (let at = 0; at < vectors.length; at += dimensions) {
      const centre = Math.floor(roll() * clusters) * dimensions;
      for (let i = 0; i < dimensions; i++) vectors[at + i] = centres[centre + i] + spread * normal(roll);
      toLengthOne(vectors.subarray(at, at + dimensions));
    }
    return vectors;
  };
  return { vectors: draw(count), queries: rows(draw(queryCount), dimensions), dimensions };
}

/** The last of the vectors become the queries. */
export function split(vectors, dimensions, queryCount) {
  const rest = vectors.length - queryCount * dimensions;
  return { vectors: vectors.subarray(0, rest), queries: rows(vectors.slice(rest), dimensions), dimensions };
}

export function toLengthOne(vector) {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let i = 0; i < vector.length; i++) vector[i] *= scale;
}

function rows(vectors, dimensions) {
  return Array.from({ length: vectors.length / dimensions }, (_, i) => vectors.slice(i * dimensions, (i + 1) * dimensions));
}
