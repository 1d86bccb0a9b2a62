// The wasm instance that all knowledge bases of a page share, and what becomes of them when it fails.
//
// A panic, a trap, an exception thrown through wasm frames: whatever leaves an export as an exception may have
// left the instance's memory half changed, so nothing enters it again. What was pending rejects with `internal`,
// and the next call finds a fresh instance. Each instance has bindings of its own (`instantiate` makes them), so
// objects, closures and finalizers of a dead one cannot reach the next.
import { SmolRagError } from "./error.js";
import { compiled } from "./host.js";
import { instantiate, type Bindings } from "./wasm/smolrag.js";

type Call = (...parameters: unknown[]) => unknown;

export class Instance {
  readonly bindings: Bindings;
  /** What the instance failed with. Set once, and first of all: after a stack overflow there is no room for calls. */
  #thrown: { value: unknown } | undefined;
  #failure: SmolRagError | undefined;
  /** How many exports are on the stack. */
  #depth = 0;
  readonly #pending = new Set<(reason: SmolRagError) => void>();
  /** Cleared at the end: they would keep a Node process up. */
  readonly #timers = new Set<unknown>();
  /** Of the calls it has made of models: when it fails, nobody is left to read the answers. */
  readonly #controllers = new Set<AbortController>();
  /** Closed at the end: open ones would block other tabs. */
  readonly #databases = new Set<IDBDatabase>();

  constructor(module: WebAssembly.Module) {
    const enter = (call: Call) => this.#enter(call);
    const leave = (call: Call) => this.#leave(call);
    const { Module } = WebAssembly;
    const guardedWebAssembly = {
      Module,
      /** In place of `WebAssembly.Instance`: every way in and out passes the guard. */
      Instance: function (module: WebAssembly.Module, imports: Record<string, Record<string, unknown>>) {
        const guarded: WebAssembly.Imports = {};
        for (const [from, functions] of Object.entries(imports)) guarded[from] = mapped(functions, leave) as WebAssembly.ModuleImports;
        return { exports: mapped(new WebAssembly.Instance(module, guarded).exports, enter) };
      },
    };
    this.bindings = instantiate(
      guardedWebAssembly, this.#CallController, this.#setTimeout, this.#clearTimeout, yieldToHost, this.#databaseOpened, this.#databaseClosed,
    );
    this.bindings.initSync({ module });
  }

  /** The `AbortController` that the bindings use, see `src/host/abort.rs`. */
  readonly #CallController = ((running) =>
    class extends AbortController {
      constructor() {
        super();
        running.add(this);
      }

      /** What an embedding model is given beside texts, see `src/host/abort.rs`. */
      options(): unknown {
        const signal = (): AbortSignal => this.signal;
        return { get signal() { return signal(); } };
      }

      /** What a language model is asked, see `src/host/abort.rs`. */
      request(system: string | undefined, prompt: string, json: unknown): unknown {
        const signal = (): AbortSignal => this.signal;
        return { system, prompt, json, get signal() { return signal(); } };
      }

      /** What an embedding model answers, see `src/host/abort.rs`. */
      copied(vectors: unknown[], dimensions: number, to: Float32Array): boolean {
        if (!vectors.every((vector): vector is Float32Array => vector instanceof Float32Array && vector.length === dimensions)) return false;
        vectors.forEach((vector, i) => to.set(vector, i * dimensions));
        return true;
      }

      /** There is nothing to abort any more. */
      ended(): void {
        running.delete(this);
      }

      override abort(reason?: unknown): void {
        this.ended();
        super.abort(reason);
      }
    })(this.#controllers);

  readonly #setTimeout = (callback: () => void, milliseconds: number): unknown => {
    const timer: unknown = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, milliseconds);
    this.#timers.add(timer);
    return timer;
  };

  readonly #clearTimeout = (timer: unknown): void => {
    this.#timers.delete(timer);
    clearTimeout(timer as number);
  };

  readonly #databaseOpened = (database: IDBDatabase): void => {
    this.#databases.add(database);
    // Another tab wants to upgrade or delete it. Transactions under way end first; later ones fail.
    database.onversionchange = () => this.#databaseClosed(database);
    // The browser has closed it, for example since the user cleared the site's data.
    database.onclose = () => this.#databases.delete(database);
  };

  readonly #databaseClosed = (database: IDBDatabase): void => {
    this.#databases.delete(database);
    database.close();
  };

  /** Whether it has failed. Where the stack was too full to reject what was pending, that is done now. */
  get failed(): boolean {
    return this.#bury() !== undefined;
  }

  /** A promise of what the work in the instance gives. It rejects when the instance fails. */
  call<T>(work: () => Promise<unknown>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      const settle = (tell: () => void): void => void (this.#pending.delete(reject) && tell());
      const failed = (thrown: unknown): void => settle(() => reject(this.#bury() ?? SmolRagError.from(thrown)));
      try {
        work().then((value) => settle(() => resolve(value as T)), failed);
      } catch (thrown) {
        failed(thrown);
      }
    });
  }

  /** What the work gives at once. */
  callSync<T>(work: () => unknown): T {
    let value: unknown;
    try {
      value = work();
    } catch (thrown) {
      throw this.#bury() ?? SmolRagError.from(thrown);
    }
    const failure = this.#bury();
    if (failure) throw failure;
    return value as T;
  }

  /**
   * An export. Into a dead instance nothing enters: what the host still has for it (a reaction to a promise, an event,
   * a finalizer) finds nobody, and what is still on the stack is unwound.
   */
  #enter(call: Call): Call {
    return (...parameters) => {
      if (!this.#thrown) {
        this.#depth += 1;
        try {
          return call(...parameters);
        } catch (thrown) {
          this.#thrown ??= { value: thrown };
        } finally {
          this.#depth -= 1;
        }
      }
      const failure = this.#bury();
      if (this.#depth > 0) throw failure;
      // No results: the bindings read it as "no error".
      return [];
    };
  }

  /** An import. If the instance failed inside it, the frames that called it must not go on. */
  #leave(call: Call): Call {
    return (...parameters) => {
      const result = call(...parameters);
      if (this.#thrown) throw this.#thrown.value;
      return result;
    };
  }

  /** Rejects what is pending, if the instance has failed. */
  #bury(): SmolRagError | undefined {
    if (!this.#thrown) return undefined;
    const { value } = this.#thrown;
    this.#failure ??= new SmolRagError(
      "internal",
      `smolrag failed: ${value instanceof Error ? value.message : String(value)}. What was committed is kept, calls that were pending have failed; call again`,
      { cause: value },
    );
    for (const timer of this.#timers) this.#clearTimeout(timer);
    for (const database of this.#databases) this.#databaseClosed(database);
    for (const reject of this.#pending) reject(this.#failure);
    this.#pending.clear();
    // Later, when the stack has room for listeners again.
    if (this.#controllers.size > 0) queueMicrotask(() => this.#controllers.forEach((controller) => controller.abort()));
    return this.#failure;
  }
}

/** Resolves after the host has drawn and handled what came before, if it wanted to. */
function yieldToHost(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?(callback: () => void): void };
    if (setImmediate) return setImmediate(resolve);
    if (typeof MessageChannel === "undefined") return void setTimeout(resolve);
    // Not a timer: those are held back for four milliseconds when they follow each other. Not `scheduler.yield()`: what
    // goes on after it goes before the page's own timers and messages, which then wait for all of the work.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

function mapped(record: Record<string, unknown>, wrap: (call: Call) => Call): WebAssembly.Exports {
  const entries = Object.entries(record).map(([name, value]) => [name, typeof value === "function" ? wrap(value as Call) : value]);
  return Object.fromEntries(entries) as WebAssembly.Exports;
}

let current: Instance | undefined;

/** The instance that calls go to: a fresh one if there is none or it has failed. */
export async function instance(): Promise<Instance> {
  const module = await compiled();
  if (!current || current.failed) current = new Instance(module);
  return current;
}
