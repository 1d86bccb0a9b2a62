import { IndexInstance, compareIds, copiedIds, count, passing, refuse, type IndexMatch } from "./index-instance.js";
import type { Vectors } from "./wasm/smolrag.js";

export type { IndexMatch } from "./index-instance.js";

export interface VectorSearchOptions {
  /** Compare the query with every vector, in twelve bits a component, instead of those that one bit a component says are near. */
  exact?: boolean;
  /** Which ids may be found. It is asked during the search, about promising ids only. */
  filter?: (id: string) => boolean;
}

/** Components copied into the wasm instance at once: the copy stays in the processor's cache. */
const CHUNK = 1 << 15;

/**
 * Nearest neighbours by cosine, in memory: nothing is built, and adding and removing cost what one vector costs.
 *
 * Takes 1⅝ bytes a component of wasm memory, and the ids. A search of more than a few hundred vectors is approximate unless
 * it is `exact`; `docs/indexes.md` says what was measured. Every index has a wasm instance of its own: what it took is given
 * back when it is freed, and a defect elsewhere does not reach it.
 *
 * ```js
 * import { ready, VectorIndex } from "smolrag";
 *
 * await ready();
 * const index = new VectorIndex(384);
 * index.add(["a", "b"], vectors); // a Float32Array of 2 × 384
 * index.search(query, 10); // [{ id, score }, …]
 * ```
 */
export class VectorIndex {
  /** How many components a vector has. */
  readonly dimensions: number;
  readonly #instance: IndexInstance<Vectors>;
  /** The id of each row. */
  readonly #ids: string[] = [];
  readonly #rows = new Map<string, number>();

  /** @param dimensions 1 to 4,096; `invalid-argument` otherwise. Throws before {@link ready} has resolved. */
  constructor(dimensions: number) {
    if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > 4096) refuse("dimensions must be a whole number from 1 to 4096");
    this.dimensions = dimensions;
    this.#instance = new IndexInstance(({ Vectors }) => new Vectors(dimensions, compareIds(this.#ids)));
  }

  /** How many vectors there are. */
  get length(): number {
    return this.#ids.length;
  }

  /** Bytes of wasm memory that the vectors take. */
  get bytes(): number {
    return this.#instance.call((core) => core.bytes);
  }

  /**
   * Adds vectors, one behind the other, and replaces those whose ids are there. They need no particular length; a zero
   * vector is never found. If one holds NaN or infinity, nothing is added.
   */
  add(ids: readonly string[], vectors: Float32Array): void {
    const added = copiedIds(ids);
    if (!(vectors instanceof Float32Array)) refuse("vectors must be a Float32Array");
    if (vectors.length !== added.length * this.dimensions) {
      refuse(`${added.length} ids need ${added.length * this.dimensions} components, and there are ${vectors.length}`);
    }
    this.#instance.call((core) => {
      const before = this.#ids.length;
      core.reserve(added.length);
      try {
        const step = Math.max(1, Math.floor(CHUNK / this.dimensions)) * this.dimensions;
        for (let from = 0; from < vectors.length; from += step) core.append(vectors.subarray(from, from + step));
      } catch (thrown) {
        while (core.length > before) core.swapRemove(core.length - 1);
        throw thrown;
      }
      const replaced: number[] = [];
      for (const id of added) {
        const row = this.#rows.get(id);
        if (row !== undefined) replaced.push(row);
        this.#rows.set(id, this.#ids.push(id) - 1);
      }
      // From the last on, so that none of them moves.
      for (const row of replaced.sort((a, b) => b - a)) this.#removeRow(core, row);
    });
  }

  /** Removes those of the ids that are there, and says how many were. */
  remove(ids: readonly string[]): number {
    const gone = copiedIds(ids);
    return this.#instance.call((core) => {
      const before = this.#ids.length;
      for (const id of gone) {
        const row = this.#rows.get(id);
        if (row === undefined) continue;
        this.#rows.delete(id);
        this.#removeRow(core, row);
      }
      return before - this.#ids.length;
    });
  }

  /** The `k` nearest by cosine, nearest first; ids in the order of `<` where scores are equal. */
  search(query: Float32Array, k: number, options: VectorSearchOptions = {}): IndexMatch[] {
    if (!(query instanceof Float32Array) || query.length !== this.dimensions) {
      refuse(`the query must be a Float32Array of ${this.dimensions} components`);
    }
    const most = count(k);
    const { filter, done } = passing(this.#ids, options?.filter);
    const found = this.#instance.call((core) => core.search(query, most, Boolean(options?.exact), filter));
    done();
    return matches(this.#ids, found);
  }

  /** Gives the memory back. A freed index refuses every call with `closed`. */
  free(): void {
    this.#instance.free();
    this.#ids.length = 0;
    this.#rows.clear();
  }

  /** The last row takes the place of the one that goes. */
  #removeRow(core: Vectors, row: number): void {
    core.swapRemove(row);
    const last = this.#ids.pop()!;
    if (row < this.#ids.length) {
      this.#ids[row] = last;
      this.#rows.set(last, row);
    }
  }
}

/** @internal What a search of the core gives: places and scores, taking turns. */
export function matches(ids: readonly (string | undefined)[], found: Float64Array): IndexMatch[] {
  const all: IndexMatch[] = [];
  for (let i = 0; i < found.length; i += 2) all.push({ id: ids[found[i]!]!, score: found[i + 1]! });
  return all;
}
