// What an entry of the package supplies for its host. Each entry calls `useHost` once, before anything else.
import type { Port } from "./rpc.js";

export interface Host {
  /** The compiled wasm module. */
  module(): Promise<WebAssembly.Module> | WebAssembly.Module;
  /** The built-in embedding table, or undefined where the host does without it. */
  embeddingTable(): Promise<Uint8Array | undefined>;
  /** Starts `worker-entry.js` in a worker of its own, where the host has workers. */
  startWorker?(): Port;
}

let current: Host | undefined;
let module: Promise<WebAssembly.Module> | undefined;
let settledModule: WebAssembly.Module | undefined;
let table: Promise<Uint8Array | undefined> | undefined;

export function useHost(host: Host): void {
  current = host;
}

export function host(): Host {
  if (!current) throw new Error("smolrag: import the package by its name, not a file inside it");
  return current;
}

/** The wasm module, compiled on first use and once. */
export function compiled(): Promise<WebAssembly.Module> {
  // An attempt that failed (say, offline) is not kept: the next call tries again.
  module ??= Promise.resolve().then(() => host().module()).then((compiled) => (settledModule = compiled)).catch((error: unknown) => {
    module = undefined;
    throw error;
  });
  return module;
}

/** The wasm module, if it has been compiled. */
export function compiledAlready(): WebAssembly.Module | undefined {
  return settledModule;
}

/** The embedding table, loaded on first use and once. */
export function embeddingTable(): Promise<Uint8Array | undefined> {
  table ??= host().embeddingTable().catch((error: unknown) => {
    table = undefined;
    throw error;
  });
  return table;
}
