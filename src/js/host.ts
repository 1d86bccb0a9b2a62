// What an entry of the package supplies for its host. Each entry calls `useHost` once, before anything else.

export interface Host {
  /** Instantiates the wasm module. */
  start(): Promise<void> | void;
  /** The built-in embedding table, or undefined where the host does without it. */
  embeddingTable(): Promise<Uint8Array | undefined>;
}

let current: Host | undefined;
let started: Promise<void> | undefined;
let table: Promise<Uint8Array | undefined> | undefined;

export function useHost(host: Host): void {
  current = host;
}

function host(): Host {
  if (!current) throw new Error("smolrag: import the package by its name, not a file inside it");
  return current;
}

/** Resolves once the core can be called synchronously. */
export function ready(): Promise<void> {
  // An attempt that failed (say, offline) is not kept: the next call tries again.
  started ??= Promise.resolve().then(() => host().start()).catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

/** The embedding table, loaded on first use and once. */
export function embeddingTable(): Promise<Uint8Array | undefined> {
  table ??= host().embeddingTable().catch((error: unknown) => {
    table = undefined;
    throw error;
  });
  return table;
}
