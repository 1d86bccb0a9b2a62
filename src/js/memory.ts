import { SmolRagError } from "./error.js";
import { Table } from "./table.js";
import type { StorageAdapter } from "./types.js";

/** Storage that lasts as long as its object. It is JavaScript, so that it outlives a wasm instance that fails. */
export class MemoryStorage implements StorageAdapter {
  #epoch = 0;
  readonly #tables = new Map<string, Table<Uint8Array>>();

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
      const table = this.#tables.get(name) ?? new Table<Uint8Array>();
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
