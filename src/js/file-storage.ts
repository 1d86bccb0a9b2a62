// Storage in files, for Node.
//
// Each commit is a file of its own, named by its epoch, and never changed. It is written and flushed under another name, and
// then linked to its own, which fails where that name is taken: so a commit is there whole or not at all, of all
// processes one makes each epoch, and nobody holds a lock that a crash could leave behind.
//
// Files go from the oldest on, and only once no row is in them any more (see `commit-log.ts`). So whoever finds the file of
// the epoch that it knows, and none of the next epoch, knows the newest.
import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";

import { encode, loadHeader, type Loaded } from "./commit-file.js";
import { CommitLog, rowName, type Place } from "./commit-log.js";
import { SmolRagError } from "./error.js";
import type { StorageAdapter } from "./types.js";

const COMMIT = /^(\d{16})\.commit$/;
/** Milliseconds after which an unfinished file is of a process that has ended. */
const ABANDONED = 600_000;
/** Files that are open at once. */
const BATCH = 32;

const codeOf = (thrown: unknown): unknown => (thrown as { code?: unknown } | undefined)?.code;

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

/** Makes names in a directory last. Windows has no such thing and does it by itself. */
async function flushDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes the directory, and its name and those of its parents last. */
async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made === undefined) return;
  for (let child = path; ; child = dirname(child)) {
    await flushDirectory(dirname(child));
    if (child === made || child === dirname(child)) return;
  }
}

/** A name that every file system can have, also those that take "a" and "A" for the same. */
function directoryName(name: string): string {
  const safe = name.replace(/[^a-z0-9_-]/gu, (character) => [...Buffer.from(character)].map((byte) => `%${byte.toString(16)}`).join(""));
  if (safe.length <= 200) return safe || "%";
  return `${safe.slice(0, 100)}%${createHash("sha256").update(name).digest("hex")}`;
}

/** Does the work for the items, some at once, and lets others have a turn in between. */
async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R> | R): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += BATCH) {
    results.push(...(await Promise.all(items.slice(at, at + BATCH).map(work))));
    if (items.length > BATCH) await setImmediate();
  }
  return results;
}

/** Exactly these bytes of a file, fewer where it ends. */
async function bytesAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

class FileStorage implements StorageAdapter {
  readonly #root: string;
  #name: string | undefined;
  #log = new CommitLog();
  /** Commits below this are not there any more. */
  #swept = 1;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#root = resolve(directory);
  }

  open(name: string): Promise<{ epoch: number }> {
    return this.#inTurn(async () => {
      if (this.#name !== undefined && this.#name !== name) {
        throw new SmolRagError("invalid-argument", `this storage is open for "${this.#name}"; make another one for "${name}"`);
      }
      await makeDirectory(join(this.#root, directoryName(name)));
      this.#name = name;
      await this.#follow();
      return { epoch: this.#log.epoch };
    });
  }

  async read(table: string, after?: string, limit = Infinity): Promise<[string, Uint8Array][]> {
    let places = await this.#inTurn(() => this.#follow().then(() => this.#log.rows(table, after, limit)));
    for (;;) {
      try {
        const values = await this.#values(places.map(([, place]) => place));
        return places.map(([key], i) => [key, values[i]!]);
      } catch (thrown) {
        if (codeOf(thrown) !== "ENOENT") throw thrown;
        // The rows have been put again, by another process, and the file is gone. Else this reports it.
        places = await this.#inTurn(() => this.#loadAll().then(() => this.#log.rows(table, after, limit)));
      }
    }
  }

  commit(expectedEpoch: number, puts: [string, string, Uint8Array][], deletes: [string, string][]): Promise<number> {
    return this.#inTurn(async () => {
      await this.#follow();
      const epoch = this.#log.epoch;
      if (epoch !== expectedEpoch) throw this.#conflict(epoch, expectedEpoch);
      const changed = new Set([...puts, ...deletes].map(([table, key]) => rowName(table, key)));
      const { rows, first } = this.#log.toMove(puts.reduce((sum, [, , bytes]) => sum + bytes.length, 0), changed);
      const moved = await this.#values(rows.map(([, , place]) => place)).catch(async (thrown: unknown) => {
        if (codeOf(thrown) !== "ENOENT") throw thrown;
        // Another process has moved them, with a newer commit. Else this reports what is missing.
        await this.#loadAll();
        throw this.#conflict(this.#log.epoch, expectedEpoch);
      });
      const written = [...rows.map(([table, key], i) => [table, key, moved[i]!] as const), ...puts];
      const header = { epoch: epoch + 1, first, deletes, puts: written.map(([table, key, { length }]): [string, string, number] => [table, key, length]) };
      const bytes = encode(header, written.map(([, , value]) => value));
      await this.#publish(epoch + 1, bytes);
      const values = written.reduce((sum, [, , value]) => sum + value.length, 0);
      this.#log.apply({ header, start: bytes.length - values, size: bytes.length });
      await this.#sweep();
      return epoch + 1;
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => {
      this.#name = undefined;
      this.#log = new CommitLog();
      return Promise.resolve();
    });
  }

  /** One at a time, in the order of the calls: what is known of the files changes while they are looked at. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #directory(): string {
    if (this.#name === undefined) throw new SmolRagError("closed", "the storage is closed; open it again");
    return join(this.#root, directoryName(this.#name));
  }

  #path(epoch: number): string {
    return join(this.#directory(), `${String(epoch).padStart(16, "0")}.commit`);
  }

  #conflict(stored: number, expected: number): SmolRagError {
    return new SmolRagError("storage-conflict", `epoch ${stored} is stored, ${expected} was expected`);
  }

  #load(epoch: number): Loaded | undefined {
    return loadHeader(this.#path(epoch), epoch);
  }

  /** Takes in what other processes have committed. */
  async #follow(): Promise<void> {
    if (this.#log.epoch === 0) return this.#loadAll();
    for (let next; (next = this.#load(this.#log.epoch + 1)); ) this.#log.apply(next);
    if (!(await exists(this.#path(this.#log.epoch)))) await this.#loadAll();
  }

  /** The epochs that have files, in their order. */
  async #epochs(): Promise<number[]> {
    const names = await readdir(this.#directory());
    return names.flatMap((name) => COMMIT.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
  }

  /** Reads everything anew, and removes what was left behind. */
  async #loadAll(): Promise<void> {
    for (let missing: string | undefined; ; ) {
      const epochs = await this.#epochs();
      const newest = epochs.at(-1) ?? 0;
      const header = newest === 0 ? { header: { first: 1 } } : this.#load(newest);
      const log = new CommitLog();
      const counting = header && Array.from({ length: newest - header.header.first + 1 }, (_, i) => header.header.first + i);
      log.first = header?.header.first ?? 1;
      const loaded = counting && (await inBatches(counting, (epoch) => this.#load(epoch)));
      const gap = loaded ? loaded.indexOf(undefined) : 0;
      if (loaded && gap < 0) {
        for (const commit of loaded) log.apply(commit!);
        this.#log = log;
        this.#swept = Math.min(epochs[0] ?? 1, log.first);
        await this.#sweep();
        await this.#removeAbandoned();
        return;
      }
      // Another process may have removed it meanwhile; then there is a newer commit now.
      const lost = this.#path(counting?.[gap] ?? newest);
      if (lost === missing) throw new SmolRagError("storage-corrupt", `${lost} is missing; put it back from a copy: without it, what it changed is not known`);
      missing = lost;
    }
  }

  async #values(places: Place[]): Promise<Uint8Array[]> {
    return inBatches(places, async ({ epoch, position, length }) => {
      const file = await open(this.#path(epoch));
      try {
        return await bytesAt(file, position, length);
      } finally {
        await file.close();
      }
    });
  }

  /** Makes the file of a commit, whole and lasting, or rejects with `storage-conflict`. */
  async #publish(epoch: number, bytes: Uint8Array): Promise<void> {
    const [directory, path] = [this.#directory(), this.#path(epoch)];
    const unfinished = join(directory, `${randomUUID()}.unfinished`);
    try {
      const file = await open(unfinished, "wx");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await link(unfinished, path);
    } catch (thrown) {
      throw codeOf(thrown) === "EEXIST" ? this.#conflict(epoch, epoch - 1) : explained(thrown, directory);
    } finally {
      await rm(unfinished, { force: true });
    }
    // Where this process slept between looking and linking, the name may have been taken and given up again meanwhile.
    // Files go from the oldest on: while that of the epoch before is there, this one has not gone before.
    if (epoch === 1 || !(await exists(this.#path(epoch - 1)))) {
      const newest = (await this.#epochs()).at(-1) ?? epoch;
      const first = newest === epoch ? epoch : this.#load(newest)?.header.first ?? newest;
      if (first > epoch) {
        await rm(path, { force: true });
        throw this.#conflict(newest, epoch - 1);
      }
    }
    await flushDirectory(directory);
  }

  /** Removes the commits that do not count any more, from the oldest on. */
  async #sweep(): Promise<void> {
    for (; this.#swept < this.#log.first; this.#swept += 1) await rm(this.#path(this.#swept), { force: true });
  }

  /** Removes what processes that have ended were writing. */
  async #removeAbandoned(): Promise<void> {
    const directory = this.#directory();
    for (const name of await readdir(directory)) {
      if (!name.endsWith(".unfinished")) continue;
      const path = join(directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > ABANDONED) await rm(path, { force: true });
    }
  }
}

/** What the file system says when a commit cannot be written, and what to do. */
function explained(thrown: unknown, directory: string): unknown {
  switch (codeOf(thrown)) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new SmolRagError("storage-quota", `there is no room for the commit in ${directory}; make room on the disk, the last commit stands`, { cause: thrown });
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTSUP":
    case "ENOSYS":
      return new SmolRagError("invalid-argument", `${directory} must be writable, on a file system with hard links (${String(thrown)})`, { cause: thrown });
    default:
      return thrown;
  }
}

/**
 * Storage in a directory: one of its own in there for each knowledge base. A commit is a file, flushed to the disk before its
 * promise resolves, and costs what changed. Several processes may have one knowledge base open. Each storage made here is for
 * one knowledge base at a time.
 *
 * @example
 * const rag = await SmolRag.open({ name: "handbook", storage: fileStorage("data") });
 */
export function fileStorage(directory: string): StorageAdapter {
  return new FileStorage(directory);
}
