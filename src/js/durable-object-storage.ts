import { SmolRagError } from "./error.js";
import type { StorageAdapter } from "./types.js";

/** What this needs of a Durable Object's `ctx.storage`. */
export interface DurableObjectStorage {
  readonly sql: { exec(query: string, ...bindings: (string | number | Uint8Array)[]): { raw(): Iterable<unknown[]> } };
  transactionSync<T>(closure: () => T): T;
}

/** The bytes of one row; a Durable Object's rows end at 2 MB, key and all. */
const PART = 1 << 20;

// A value is cut into parts, one row each. A table with a rowid, since values are long: without one they would
// stand inside the index. All statements have few parameters, far below the 100 that are allowed.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS smolrag_epochs (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS smolrag_rows (
    name TEXT NOT NULL, tab TEXT NOT NULL, key TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL,
    UNIQUE (name, tab, key, part)
  );
`;

/** What SQLite says of a storage that is full or damaged, in a word that does not change. */
function coded(thrown: unknown): unknown {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (/SQLITE_FULL|disk is full/.test(message)) {
    return new SmolRagError("storage-quota", `the Durable Object's storage is full (${message}); remove documents, the last commit stands`, { cause: thrown });
  }
  if (/SQLITE_(CORRUPT|NOTADB)/.test(message)) {
    return new SmolRagError("storage-corrupt", `the Durable Object's storage is damaged (${message}); recover the object to a point in time before`, { cause: thrown });
  }
  return thrown;
}

class SqlStorage implements StorageAdapter {
  readonly #storage: DurableObjectStorage;
  #name: string | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  async open(name: string): Promise<{ epoch: number }> {
    if (this.#name !== undefined && this.#name !== name) {
      throw new SmolRagError("invalid-argument", `this storage is open for "${this.#name}"; make another one for "${name}"`);
    }
    this.#run(SCHEMA);
    this.#name = name;
    return { epoch: this.#epoch(name) };
  }

  async read(table: string, after?: string, limit = Infinity): Promise<[string, Uint8Array][]> {
    const name = this.#opened();
    const from = `name = ? AND tab = ? AND key ${after === undefined ? ">=" : ">"} ?`;
    const bindings = [name, table, after ?? ""];
    // The cursor is read to its end here and now: what it reads is of one commit.
    const parts = this.#run(
      `SELECT key, bytes FROM smolrag_rows WHERE ${from}
        AND key IN (SELECT key FROM smolrag_rows WHERE ${from} AND part = 0 ORDER BY key LIMIT ?) ORDER BY key, part`,
      ...bindings, ...bindings, Number.isFinite(limit) ? limit : -1,
    ) as [string, ArrayBuffer][];
    const rows: [string, Uint8Array[]][] = [];
    for (const [key, bytes] of parts) {
      const last = rows.at(-1);
      if (last?.[0] === key) last[1].push(new Uint8Array(bytes));
      else rows.push([key, [new Uint8Array(bytes)]]);
    }
    return rows.map(([key, parts]) => [key, joined(parts)]);
  }

  async commit(expectedEpoch: number, puts: [string, string, Uint8Array][], deletes: [string, string][]): Promise<number> {
    const name = this.#opened();
    return this.#storage.transactionSync(() => {
      const epoch = this.#epoch(name);
      if (epoch !== expectedEpoch) {
        throw new SmolRagError("storage-conflict", `epoch ${epoch} is stored, ${expectedEpoch} was expected`);
      }
      for (const [table, key] of deletes) this.#delete(name, table, key);
      for (const [table, key, bytes] of puts) {
        this.#delete(name, table, key);
        // An empty value has one part, too.
        for (let part = 0; part === 0 || part * PART < bytes.length; part += 1) {
          const cut = bytes.subarray(part * PART, (part + 1) * PART);
          this.#run("INSERT INTO smolrag_rows (name, tab, key, part, bytes) VALUES (?, ?, ?, ?, ?)", name, table, key, part, cut);
        }
      }
      this.#run("INSERT OR REPLACE INTO smolrag_epochs (name, epoch) VALUES (?, ?)", name, epoch + 1);
      return epoch + 1;
    });
  }

  async close(): Promise<void> {
    this.#name = undefined;
  }

  #opened(): string {
    if (this.#name === undefined) throw new SmolRagError("closed", "the storage is closed; open it again");
    return this.#name;
  }

  #epoch(name: string): number {
    const [row] = this.#run("SELECT epoch FROM smolrag_epochs WHERE name = ?", name);
    return (row?.[0] as number | undefined) ?? 0;
  }

  #delete(name: string, table: string, key: string): void {
    this.#run("DELETE FROM smolrag_rows WHERE name = ? AND tab = ? AND key = ?", name, table, key);
  }

  #run(query: string, ...bindings: (string | number | Uint8Array)[]): unknown[][] {
    try {
      return [...this.#storage.sql.exec(query, ...bindings).raw()];
    } catch (thrown) {
      throw coded(thrown);
    }
  }
}

function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Storage in the SQLite database of a Durable Object. A commit is one `transactionSync`. What the object says to anybody is
 * held back by its output gate until the commit is on disk. Several knowledge bases may share an object, each by its own
 * name and with a storage of its own made here.
 *
 * @example
 * export class Handbook extends DurableObject {
 *   rag = SmolRag.open({ storage: durableObjectStorage(this.ctx.storage) });
 * }
 */
export function durableObjectStorage(storage: DurableObjectStorage): StorageAdapter {
  return new SqlStorage(storage);
}
