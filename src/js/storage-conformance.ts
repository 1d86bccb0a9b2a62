// What every storage must do. Needs no test framework and runs in every host.
import type { StorageAdapter } from "./types.js";

/** One thing that a storage must do: `run` rejects if it does not. */
export interface ConformanceCase {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * An adapter to the knowledge base of that name, not opened yet. Asked twice for one name, it gives two adapters to the
 * same rows, as two tabs or processes would have them. A storage that lasts only as long as its object gives that object
 * again. Names are new in every run.
 */
export type Connect = (name: string) => StorageAdapter | Promise<StorageAdapter>;

type Put = [string, string, Uint8Array];

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`storage conformance: ${what}`);
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(a === b, `${what}: expected ${b}, got ${a}`);
}

/** A value that says by whom it was written, of any length. */
function value(seed: number, length = 24): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 1) bytes[i] = seed * 31 + i * 7 + (i >> 8);
  return bytes;
}

async function refused(commit: Promise<number>, what: string): Promise<void> {
  const code = await commit.then(
    (epoch) => `epoch ${epoch}`,
    (error: unknown) => (error as { code?: unknown } | undefined)?.code,
  );
  same(code, "storage-conflict", what);
}

/** Every row, through pages of that size. */
async function rowsOf(storage: StorageAdapter, table: string, page = 3): Promise<Map<string, Uint8Array>> {
  const rows = new Map<string, Uint8Array>();
  let after: string | undefined;
  for (;;) {
    const found = await storage.read(table, after, page);
    check(found.length <= page, `read() gave ${found.length} rows for a limit of ${page}`);
    for (const [key, bytes] of found) {
      check(bytes instanceof Uint8Array, "read() gives values as Uint8Array");
      check(!rows.has(key), `read() gave the key ${JSON.stringify(key)} again after it`);
      rows.set(key, bytes);
      after = key;
    }
    if (found.length < page) return rows;
  }
}

function sameRows(rows: Map<string, Uint8Array>, expected: Map<string, Uint8Array>, what: string): void {
  same([...rows.keys()].sort(), [...expected.keys()].sort(), `${what}: the keys`);
  for (const [key, bytes] of expected) {
    const found = rows.get(key)!;
    check(found.length === bytes.length && found.every((byte, i) => byte === bytes[i]), `${what}: other bytes for ${JSON.stringify(key)}`);
  }
}

const keysOf = (rows: [string, Uint8Array][]): string[] => rows.map(([key]) => key);

/** What a storage holds, as simple as can be. */
class Model {
  readonly tables = new Map<string, Map<string, Uint8Array>>();

  table(name: string): Map<string, Uint8Array> {
    const table = this.tables.get(name) ?? new Map<string, Uint8Array>();
    this.tables.set(name, table);
    return table;
  }

  apply(puts: Put[], deletes: [string, string][]): void {
    for (const [table, key] of deletes) this.table(table).delete(key);
    for (const [table, key, bytes] of puts) this.table(table).set(key, bytes);
  }

  async compare(storage: StorageAdapter, what: string): Promise<void> {
    for (const [name, rows] of this.tables) sameRows(await rowsOf(storage, name, 5), rows, `${what}, table ${name}`);
  }
}

/** xorshift: the same course for the same seed. */
function dice(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

/** Keys as the engine has them and worse, in ascending order. Above them the order is the storage's own: see below. */
const ORDERED = ["", "\u0001", "!", "A", "A\u0001", "B", "a", "a\u0000", "a\u0001", "a\u0001b", "a/b", "ab", "z", "é", "ü", "日本", "\uff5e"];
/** By bytes and by UTF-16 units these stand in different order; a storage may have either, if it keeps to it. */
const EITHER = ["\uff5e", "\u{1f600}", "\u{10ffff}"];

const LONG = 5 * 2 ** 20 + 1;

/**
 * The cases, for a runner of your own.
 *
 * @param connect makes adapters, see {@link Connect}
 * @param options.seed of the random course; default 1
 *
 * @example
 * for (const { name, run } of storageConformance(() => myStorage())) test(name, run);
 */
export function storageConformance(connect: Connect, { seed = 1 }: { seed?: number } = {}): ConformanceCase[] {
  const unique = `conformance ${Date.now().toString(36)} ${Math.random().toString(36).slice(2)}`;
  let names = 0;

  /** Runs with the name of an empty knowledge base, and closes what was opened. */
  const fresh = (body: (open: (name?: string) => Promise<StorageAdapter>, name: string) => Promise<void>) => async () => {
    const own = `${unique} ${(names += 1)}`;
    const opened: StorageAdapter[] = [];
    const open = async (name = own): Promise<StorageAdapter> => {
      const storage = await connect(name);
      await storage.open(name);
      opened.push(storage);
      return storage;
    };
    try {
      await body(open, own);
    } finally {
      for (const storage of opened) await storage.close();
    }
  };

  const cases: Record<string, () => Promise<void>> = {
    "an empty storage has epoch 0 and no rows": fresh(async (open, name) => {
      const storage = await open();
      same(await storage.open(name), { epoch: 0 }, "open() of an empty storage, again");
      same(await storage.read("documents"), [], "read() of a table that was never written");
      same(await storage.read("documents", "a", 5), [], "read() after a key of a table that was never written");
    }),

    "each commit gives the next epoch, an empty one too": fresh(async (open, name) => {
      const storage = await open();
      same(await storage.commit(0, [["documents", "a", value(1)]], []), 1, "the first commit");
      same(await storage.commit(1, [], []), 2, "a commit of nothing");
      same(await storage.commit(2, [], [["documents", "not there"]]), 3, "a commit that deletes what is not there");
      same(await storage.open(name), { epoch: 3 }, "open() of what is open");
    }),

    "rows come in order, strictly after a key, no more than asked for": fresh(async (open) => {
      const storage = await open();
      const shuffled = [...ORDERED.filter((_, i) => i % 2 === 1), ...ORDERED.filter((_, i) => i % 2 === 0)];
      await storage.commit(0, shuffled.map((key, i): Put => ["documents", key, value(i)]), []);
      same(keysOf(await storage.read("documents")), ORDERED, "read() without a limit");
      for (const [i, key] of ORDERED.entries()) {
        same(keysOf(await storage.read("documents", key)), ORDERED.slice(i + 1), `read() after ${JSON.stringify(key)}`);
        same(keysOf(await storage.read("documents", key, 2)), ORDERED.slice(i + 1, i + 3), `two rows after ${JSON.stringify(key)}`);
      }
      same(keysOf(await storage.read("documents", "a\u0002")), ORDERED.slice(ORDERED.indexOf("a/b")), "read() after a key that is not there");
      for (const page of [1, 2, 7, ORDERED.length]) same([...(await rowsOf(storage, "documents", page)).keys()], ORDERED, `pages of ${page}`);
    }),

    "keys are any text, in one order": fresh(async (open) => {
      const storage = await open();
      await storage.commit(0, [...EITHER, "\ufffd"].map((key, i): Put => ["documents", key, value(i)]), []);
      const whole = keysOf(await storage.read("documents"));
      same([...whole].sort(), [...EITHER, "\ufffd"].sort(), "the keys");
      same([...(await rowsOf(storage, "documents", 1)).keys()], whole, "row by row");
    }),

    "tables do not see each other": fresh(async (open) => {
      const storage = await open();
      await storage.commit(0, [["documents", "a", value(1)], ["meta", "a", value(2)], ["changes", "b", value(3)]], []);
      await storage.commit(1, [], [["meta", "b"], ["changes", "a"]]);
      sameRows(await rowsOf(storage, "documents"), new Map([["a", value(1)]]), "documents");
      sameRows(await rowsOf(storage, "meta"), new Map([["a", value(2)]]), "meta");
      sameRows(await rowsOf(storage, "changes"), new Map([["b", value(3)]]), "changes");
    }),

    "knowledge bases do not see each other": fresh(async (open, name) => {
      // A second one whose name differs in case alone, and one whose name looks like a path.
      const others = [name.toUpperCase(), `../${name}/.`];
      const first = await open();
      await first.commit(0, [["documents", "a", value(1)]], []);
      for (const other of others) {
        const storage = await open(other);
        same(await storage.open(other), { epoch: 0 }, `open("${other}")`);
        same(await storage.read("documents"), [], `rows of "${other}"`);
        await storage.commit(0, [["documents", "b", value(2)]], []);
      }
      sameRows(await rowsOf(first, "documents"), new Map([["a", value(1)]]), "the first");
    }),

    "a value is replaced whole, and comes back as it was given": fresh(async (open) => {
      const storage = await open();
      const view = value(5, 100).subarray(10, 30);
      for (const [epoch, bytes] of [value(1, LONG), value(2, 3), new Uint8Array(0), value(3, 2 ** 20), value(4, 2 ** 20 + 1), view].entries()) {
        await storage.commit(epoch, [["documents", "a", bytes], ["documents", "b", value(epoch)]], []);
        sameRows(await rowsOf(storage, "documents"), new Map([["a", bytes], ["b", value(epoch)]]), `a value of ${bytes.length} bytes`);
      }
    }),

    "a commit deletes first and then puts": fresh(async (open) => {
      const storage = await open();
      await storage.commit(0, [["documents", "a", value(1)], ["documents", "b", value(2)]], []);
      await storage.commit(1, [["documents", "a", value(3)]], [["documents", "a"], ["documents", "b"]]);
      sameRows(await rowsOf(storage, "documents"), new Map([["a", value(3)]]), "after it");
    }),

    "a commit on another epoch is refused and changes nothing": fresh(async (open, name) => {
      const storage = await open();
      await storage.commit(0, [["documents", "a", value(1)]], []);
      for (const epoch of [0, 2, 7]) {
        await refused(storage.commit(epoch, [["documents", "a", value(9)], ["meta", "m", value(9)]], [["documents", "a"]]), `a commit on epoch ${epoch} of 1`);
      }
      same(await storage.open(name), { epoch: 1 }, "the epoch");
      sameRows(await rowsOf(storage, "documents"), new Map([["a", value(1)]]), "the rows");
      same(await storage.read("meta"), [], "another table");
      same(await storage.commit(1, [], []), 2, "a commit on the epoch that is stored");
    }),

    "of many commits on one epoch, one succeeds": fresh(async (open, name) => {
      const storages = [await open(), await open()];
      const commits = Array.from({ length: 12 }, (_, i) => storages[i % 2]!.commit(0, [["documents", "a", value(i)], ["documents", `own ${i}`, value(i)]], []));
      const outcomes = await Promise.allSettled(commits);
      const winners = outcomes.flatMap(({ status }, i) => (status === "fulfilled" ? [i] : []));
      same(winners.length, 1, "how many succeeded");
      for (const [i, outcome] of outcomes.entries()) if (outcome.status === "rejected") await refused(commits[i]!, `commit ${i}`);
      const [winner] = winners as [number];
      for (const storage of storages) {
        same(await storage.open(name), { epoch: 1 }, "the epoch");
        sameRows(await rowsOf(storage, "documents"), new Map([["a", value(winner)], [`own ${winner}`, value(winner)]]), "the rows");
      }
    }),

    "what one adapter commits, another one reads": fresh(async (open, name) => {
      const [one, two] = [await open(), await open()];
      await one.commit(0, [["documents", "a", value(1)]], []);
      sameRows(await rowsOf(two, "documents"), new Map([["a", value(1)]]), "at once");
      await refused(two.commit(0, [["documents", "b", value(2)]], []), "a commit on what was before");
      same(await two.open(name), { epoch: 1 }, "the epoch after a refusal");
      same(await two.commit(1, [["documents", "b", value(2)]], [["documents", "a"]]), 2, "the next commit");
      sameRows(await rowsOf(one, "documents"), new Map([["b", value(2)]]), "the other way round");
    }),

    "rows outlive closing": fresh(async (open, name) => {
      const storage = await open();
      await storage.commit(0, [["documents", "a", value(1, LONG)], ["meta", "model", value(2)]], []);
      await storage.close();
      const again = await open();
      same(await again.open(name), { epoch: 1 }, "the epoch");
      sameRows(await rowsOf(again, "documents"), new Map([["a", value(1, LONG)]]), "documents");
      sameRows(await rowsOf(again, "meta"), new Map([["model", value(2)]]), "meta");
    }),

    "readers see commits whole while others write": fresh(async (open) => {
      const [writer, reader] = [await open(), await open()];
      let epoch = await writer.commit(0, [["documents", "a", value(0)], ["documents", "b", value(0)]], []);
      let done = false;
      const reading = async (): Promise<void> => {
        while (!done) {
          const [[, a], [, b]] = (await reader.read("documents")) as [[string, Uint8Array], [string, Uint8Array]];
          same([...a], [...b], "two rows that are always written together");
        }
      };
      const writing = async (): Promise<void> => {
        try {
          for (let i = 1; i <= 40; i += 1) epoch = await writer.commit(epoch, [["documents", "a", value(i)], ["documents", "b", value(i)]], []);
        } finally {
          done = true;
        }
      };
      for (const outcome of await Promise.allSettled([reading(), writing()])) if (outcome.status === "rejected") throw outcome.reason;
    }),

    "a long course of commits by two adapters ends as a plain map does": fresh(async (open, name) => {
      const storages = [await open(), await open()];
      const model = new Model();
      const roll = dice(seed);
      const tables = ["documents", "changes", "meta"];
      let epoch = 0;
      for (let step = 0; step < 200; step += 1) {
        const puts = Array.from({ length: roll(4) }, (): Put => [tables[roll(3)]!, `${roll(40)}\u0001`, value(step, roll(20) === 0 ? 40_000 : roll(2_000))]);
        const deletes = Array.from({ length: roll(3) }, (): [string, string] => [tables[roll(3)]!, `${roll(40)}\u0001`]);
        const unique = [...new Map(puts.map((put) => [`${put[0]} ${put[1]}`, put])).values()];
        if (roll(10) === 0) await refused(storages[roll(2)]!.commit(epoch + 1 + roll(3), unique, deletes), `seed ${seed}, step ${step}`);
        epoch = await storages[roll(2)]!.commit(epoch, unique, deletes);
        model.apply(unique, deletes);
        if (roll(50) === 0) await model.compare(storages[roll(2)]!, `seed ${seed}, step ${step}`);
        if (roll(60) === 0) {
          const i = roll(2);
          await storages[i]!.close();
          storages[i] = await open();
        }
      }
      for (const storage of storages) {
        same(await storage.open(name), { epoch }, "the epoch");
        await model.compare(storage, `seed ${seed}, at the end`);
      }
    }),
  };
  return Object.entries(cases).map(([name, run]) => ({ name, run }));
}
