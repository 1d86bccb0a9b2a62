// What the two indices share: a wasm instance of their own, and ids, which never leave JavaScript.
import { SmolRagError } from "./error.js";
import { compiledAlready } from "./host.js";
import { Instance } from "./instance.js";
import type { Bindings } from "./wasm/smolrag.js";

/** Something that an index found. */
export interface IndexMatch {
  id: string;
  /** Higher is better. */
  score: number;
}

/** An index in a wasm instance of its own. When that fails, the index is gone: it lived in memory alone. */
export class IndexInstance<Core> {
  #held: { instance: Instance; core: Core } | undefined;
  #busy = false;

  constructor(make: (bindings: Bindings) => Core) {
    const module = compiledAlready();
    if (!module) refuse("await ready() before making an index");
    const instance = new Instance(module);
    this.#held = { instance, core: instance.callSync<Core>(() => make(instance.bindings)) };
  }

  call<T>(work: (core: Core) => T): T {
    if (!this.#held) throw new SmolRagError("closed", "the index has been freed; make another one");
    if (this.#busy) refuse("an index cannot be called from its own filter");
    const { instance, core } = this.#held;
    this.#busy = true;
    try {
      return instance.callSync<T>(() => work(core));
    } finally {
      this.#busy = false;
    }
  }

  /** Lets go of the instance, and with it of its memory. */
  free(): void {
    if (this.#busy) refuse("an index cannot be freed from its own filter");
    this.#held = undefined;
  }
}

export function refuse(message: string): never {
  throw new SmolRagError("invalid-argument", message);
}

/** The ids as they are now: the caller's array may change. */
export function copiedIds(ids: readonly string[]): string[] {
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) refuse("ids must be an array of strings");
  return ids.slice();
}

export function count(k: number): number {
  if (!Number.isInteger(k) || k < 0) refuse("k must be a whole number, 0 or more");
  return Math.min(k, 2 ** 31);
}

/** Compares the ids of two places. The array is the index's own, as it is when it is asked. */
export function compareIds(ids: readonly (string | undefined)[]): (a: number, b: number) => number {
  return (a, b) => (ids[a]! < ids[b]! ? -1 : 1);
}

/**
 * The user's filter by places. It runs below wasm frames, through which nothing may be thrown: what it throws is kept, nothing more
 * passes, and `done` throws it.
 */
export function passing(ids: readonly (string | undefined)[], filter: ((id: string) => boolean) | undefined): {
  filter: ((place: number) => boolean) | undefined;
  done: () => void;
} {
  if (filter === undefined) return { filter: undefined, done: () => undefined };
  if (typeof filter !== "function") refuse("filter must be a function");
  let failure: { thrown: unknown } | undefined;
  return {
    filter(place) {
      if (failure) return false;
      try {
        return Boolean(filter(ids[place]!));
      } catch (thrown) {
        failure = { thrown };
        return false;
      }
    },
    done() {
      if (failure) throw failure.thrown;
    },
  };
}
