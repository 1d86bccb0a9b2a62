import type { Loaded } from "./commit-file.js";
import { Table } from "./table.js";

/** Where a value is. */
export interface Place {
  /** The commit in whose file it is. */
  readonly epoch: number;
  readonly position: number;
  readonly length: number;
}

interface CommitFile {
  readonly size: number;
  /** Tables and keys that it put. */
  readonly rows: readonly (readonly [string, string])[];
}

/** Bytes that a file or a row counts beside its own: so that small ones do not become many. */
const OVERHEAD = 4096;
/** Bytes of files that are never too many. */
const SLACK = 1 << 20;

/**
 * What the commits from `first` to `epoch` come to: which rows there are, and in which file each value is. Once the
 * files have more than twice the bytes of the rows, commits put the oldest rows again, and the oldest files go.
 */
export class CommitLog {
  epoch = 0;
  first = 1;
  readonly #tables = new Map<string, Table<Place>>();
  readonly #files = new Map<number, CommitFile>();
  #fileBytes = 0;
  #rowBytes = 0;

  rows(table: string, after: string | undefined, limit: number): [string, Place][] {
    return this.#tables.get(table)?.after(after, limit) ?? [];
  }

  /** Takes in the next commit. */
  apply({ header, start, size }: Loaded): void {
    for (const [table, key] of header.deletes) this.#set(table, key, undefined);
    let position = start;
    for (const [table, key, length] of header.puts) {
      this.#set(table, key, { epoch: header.epoch, position, length });
      position += length;
    }
    this.#files.set(header.epoch, { size, rows: header.puts.map(([table, key]) => [table, key]) });
    this.#fileBytes += size + OVERHEAD;
    for (; this.first < header.first; this.first += 1) {
      const gone = this.#files.get(this.first);
      if (gone) this.#fileBytes -= gone.size + OVERHEAD;
      this.#files.delete(this.first);
    }
    this.epoch = header.epoch;
  }

  /**
   * The rows that a commit which writes that many bytes should put again, and the oldest commit that counts after it.
   * Their bytes are at most twice its own; or it is one row. `without` are rows that the commit changes itself.
   */
  toMove(bytes: number, without: ReadonlySet<string>): { rows: [string, string, Place][]; first: number } {
    const rows: [string, string, Place][] = [];
    let room = 2 * bytes;
    let excess = this.#fileBytes - 2 * this.#rowBytes - SLACK;
    let first = this.first;
    for (; first <= this.epoch; first += 1) {
      const file = this.#files.get(first)!;
      for (const [table, key] of file.rows) {
        const place = this.#tables.get(table)?.get(key);
        if (place?.epoch !== first || without.has(rowName(table, key))) continue;
        if (excess <= 0 || (rows.length > 0 && place.length > room)) return { rows, first };
        rows.push([table, key, place]);
        room -= place.length;
      }
      excess -= file.size + OVERHEAD;
    }
    return { rows, first };
  }

  #set(name: string, key: string, place: Place | undefined): void {
    const table = this.#tables.get(name) ?? new Table<Place>();
    this.#tables.set(name, table);
    const before = table.get(key);
    if (before) this.#rowBytes -= before.length + OVERHEAD;
    if (place) {
      this.#rowBytes += place.length + OVERHEAD;
      table.put(key, place);
    } else {
      table.delete(key);
    }
  }
}

/** Names a row in a set of rows of several tables. */
export const rowName = (table: string, key: string): string => JSON.stringify([table, key]);
