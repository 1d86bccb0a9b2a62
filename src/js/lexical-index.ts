import { IndexInstance, compareIds, copiedIds, count, passing, refuse, type IndexMatch } from "./index-instance.js";
import { matches } from "./vector-index.js";
import type { Lexical } from "./wasm/smolrag.js";

/** A text with what stands above it and what it is about; a term counts the same in each. */
export interface LexicalEntry {
  text: string;
  heading?: string;
  summary?: string;
}

export interface LexicalSearchOptions {
  /** Take the last word of the query as the beginning of one, for search as one types. */
  prefix?: boolean;
  /** Find words with one letter wrong too, from eight letters on with two. The first letter must be right. */
  typos?: boolean;
  /** Which ids may be found. It is asked during the search, about promising ids only. */
  filter?: (id: string) => boolean;
}

/**
 * Full-text search by BM25, in memory, exact. Words are compared by their English stems; text without spaces (Chinese, Japanese,
 * Thai, …) by pairs of characters. Adding and removing cost what one entry costs.
 *
 * ```js
 * import { LexicalIndex, ready } from "smolrag";
 *
 * await ready();
 * const index = new LexicalIndex();
 * index.add(["a"], ["Excerpts are cut at paragraphs."]);
 * index.search("paragraph", 10); // [{ id: "a", score: … }]
 * index.search("para", 10, { prefix: true });
 * ```
 */
export class LexicalIndex {
  readonly #instance: IndexInstance<Lexical>;
  /** The id of each slot; freed slots are used again. */
  readonly #ids: (string | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];

  /** Throws before {@link ready} has resolved. */
  constructor() {
    this.#instance = new IndexInstance(({ Lexical }) => new Lexical(compareIds(this.#ids)));
  }

  /** How many entries there are. */
  get length(): number {
    return this.#slots.size;
  }

  /** An estimate of the bytes of wasm memory that the entries take. */
  get bytes(): number {
    return this.#instance.call((core) => core.bytes);
  }

  /** Adds entries, and replaces those whose ids are there. */
  add(ids: readonly string[], texts: readonly (string | LexicalEntry)[]): void {
    const added = copiedIds(ids);
    if (!Array.isArray(texts) || texts.length !== added.length) refuse(`${added.length} ids need as many texts`);
    const entries = texts.map(entry);
    this.#instance.call((core) => {
      entries.forEach(({ text, heading = "", summary = "" }, i) => core.put(this.#slot(added[i]!), text, heading, summary));
    });
  }

  /** Removes those of the ids that are there, and says how many were. */
  remove(ids: readonly string[]): number {
    const gone = copiedIds(ids);
    return this.#instance.call((core) => {
      const before = this.#slots.size;
      for (const id of gone) {
        const slot = this.#slots.get(id);
        if (slot === undefined) continue;
        core.remove(slot);
        this.#slots.delete(id);
        this.#ids[slot] = undefined;
        this.#free.push(slot);
      }
      return before - this.#slots.size;
    });
  }

  /** The `k` best, best first; ids in the order of `<` where scores are equal. What shares no word with the query is not found. */
  search(text: string, k: number, options: LexicalSearchOptions = {}): IndexMatch[] {
    if (typeof text !== "string") refuse("the query must be a string");
    const most = count(k);
    const { filter, done } = passing(this.#ids, options?.filter);
    const found = this.#instance.call((core) => core.search(text, most, Boolean(options?.prefix), Boolean(options?.typos), filter));
    done();
    return matches(this.#ids, found);
  }

  /** Gives the memory back. A freed index refuses every call with `closed`. */
  free(): void {
    this.#instance.free();
    this.#ids.length = 0;
    this.#free.length = 0;
    this.#slots.clear();
  }

  #slot(id: string): number {
    const known = this.#slots.get(id);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#ids.length;
    this.#ids[slot] = id;
    this.#slots.set(id, slot);
    return slot;
  }
}

function entry(given: string | LexicalEntry): LexicalEntry {
  const entry = typeof given === "string" ? { text: given } : given;
  const isText = (value: unknown): boolean => value === undefined || typeof value === "string";
  if (typeof entry?.text !== "string" || !isText(entry.heading) || !isText(entry.summary)) {
    refuse("a text must be a string, or { text, heading?, summary? } of strings");
  }
  return entry;
}
