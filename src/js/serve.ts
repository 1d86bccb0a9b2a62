// The worker's side of `remote.ts`: an engine of its own thread, whose models, storage and listeners are in the page.
import type { Engine, Method } from "./engine.js";
import { LocalEngine } from "./local.js";
import type { Remote } from "./remote.js";
import { Peer, type Port } from "./rpc.js";
import type { CompletionRequest, OpenOptions, QueryOptions } from "./types.js";

const writes: ReadonlySet<Method> = new Set<Method>(["ingest", "remove", "mergeEntities", "unmerge", "refresh", "repair", "reembed"]);

/** Serves one knowledge base over the port, for as long as the worker lives. */
export function serve(port: Port): void {
  let engine: Engine | undefined;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const peer: Peer = new Peer(port, (method, parameters, signal) => {
    if (method === "open") return open(parameters[0] as Record<string, unknown>);
    if (!engine) throw new Error("the knowledge base is not open");
    return method === "stream" ? stream(engine, parameters, signal) : call(engine, method as Method, parameters, signal);
  });

  async function open(options: Record<string, unknown>): Promise<void> {
    engine = await LocalEngine.open(opened(options, peer), (type, event) => {
      tellStatsSoon();
      peer.tell("event", [type, event]);
    });
    tellStats();
  }

  async function call(engine: Engine, method: Method, parameters: unknown[], signal: AbortSignal): Promise<unknown> {
    const progress = parameters.at(-1);
    const options = parameters.at(-2);
    const onProgress = (step: unknown): void => peer.tell("progress", [progress, step]);
    try {
      if (method === "close") return await engine.call(method, parameters);
      const extended = isObject(options) ? { ...options, signal, ...(progress !== undefined && { onProgress }) } : options;
      const own = parameters.slice(0, -2);
      if (method === "reembed") own[0] = openedEmbedder(own[0], peer);
      return await engine.call(method, own, extended as object);
    } finally {
      if (writes.has(method)) tellStats();
      else tellStatsSoon();
    }
  }

  async function* stream(engine: Engine, [question, options]: unknown[], signal: AbortSignal): AsyncGenerator<unknown, void, undefined> {
    try {
      yield* engine.stream(question as string, (isObject(options) ? { ...options, signal } : options) as QueryOptions);
    } finally {
      tellStatsSoon();
    }
  }

  /** Once for all reads of a tenth of a second: counting costs in proportion to what there is. */
  function tellStatsSoon(): void {
    soon ??= setTimeout(tellStats, 100);
  }

  /** After a write before its answer. */
  function tellStats(): void {
    clearTimeout(soon);
    soon = undefined;
    try {
      if (engine) peer.tell("stats", [engine.stats()]);
    } catch {
      // The instance has failed; the call that finds it open again tells them.
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Options as the engine takes them: in place of what stayed in the page, objects that call it. */
function opened(options: Record<string, unknown>, peer: Peer): OpenOptions {
  const { llm, embedder, storage, excerpts } = options as Record<string, Remote | undefined>;
  const { strategy, ...sizes } = (excerpts ?? {}) as { strategy?: unknown };
  const complete = ({ signal, ...request }: CompletionRequest) => peer.call("llm.complete", [request], signal);
  const stream = ({ signal, ...request }: CompletionRequest) => {
    const parts = peer.iterate("llm.stream", [request], signal);
    // The core drops an iterator that it no longer wants; here it is ended.
    signal?.addEventListener("abort", () => void parts.return().catch(() => undefined));
    return parts;
  };
  const stored = (name: string) => (...parameters: unknown[]) => peer.call(`storage.${name}`, parameters);
  const split = (text: string) => peer.call("excerpts.split", [text]);
  return {
    ...options,
    llm: local(llm, { complete, stream }),
    embedder: openedEmbedder(embedder, peer),
    onProgress: (step: unknown) => peer.tell("opening", [step]),
    storage: local(storage, Object.fromEntries(["open", "read", "commit", "close"].map((name) => [name, stored(name)]))),
    excerpts: excerpts && { ...sizes, strategy: isRemote(strategy) ? split : strategy },
  } as OpenOptions;
}

function openedEmbedder(value: unknown, peer: Peer): unknown {
  const embed = (texts: string[], { signal }: { signal?: AbortSignal } = {}) =>
    peer.call("embedder.embed", [texts, (value as Remote).number], signal);
  return local(value, { embed });
}

function isRemote(value: unknown): value is Remote {
  return isObject(value) && "methods" in value;
}

function local(value: unknown, methods: Record<string, unknown>): unknown {
  if (!isRemote(value)) return value;
  return { ...value.fields, ...Object.fromEntries(value.methods.map((name) => [name, methods[name]])) };
}
