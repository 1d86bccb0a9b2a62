import { SmolRagError } from "./error.js";
import type { StorageAdapter } from "./types.js";

/** Rows by key, and the keys in order. */
class Table {
  readonly #rows = new Map<string, Uint8Array>();
  readonly #keys: string[] = [];

  /** Where the key is or belongs. */
  #place(key: string): number {
    let [from, to] = [0, this.#keys.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#keys[middle]! < key) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  put(key: string, bytes: Uint8Array): void {
    if (!this.#rows.has(key)) this.#keys.splice(this.#place(key), 0, key);
    this.#rows.set(key, bytes);
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#keys.splice(this.#place(key), 1);
  }

  after(key: string | undefined, limit: number): [string, Uint8Array][] {
    let from = key === undefined ? 0 : this.#place(key);
    if (this.#keys[from] === key) from += 1;
    return this.#keys.slice(from, from + limit).map((found) => [found, this.#rows.get(found)!]);
  }
}

/** Storage that lasts as long as its object. It is JavaScript, so that it outlives a wasm instance that fails. */
export class MemoryStorage implements StorageAdapter {
  #epoch = 0;
  readonly #tables = new Map<string, Table>();

  open(): Promise<{ epoch: number }> {
    return Promise.resolve({ epoch: this.#epoch });
  }

  read(table: string, after?: string, limit = Infinity): Promise<[string, Uint8Array][]> {
    return Promise.resolve(this.#tables.get(table)?.after(after, limit) ?? []);
  }

  commit(expectedEpoch: number, puts: [string, string, Uint8Array][], deletes: [string, string][]): Promise<number> {
    if (expectedEpoch !== this.#epoch) {
      const message = `epoch ${this.#epoch} is stored, ${expectedEpoch} was expected`;
      return Promise.reject(new SmolRagError("storage-conflict", message));
    }
    for (const [table, key] of deletes) this.#tables.get(table)?.delete(key);
    for (const [name, key, bytes] of puts) {
      const table = this.#tables.get(name) ?? new Table();
      this.#tables.set(name, table);
      table.put(key, bytes);
    }
    this.#epoch += 1;
    return Promise.resolve(this.#epoch);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
