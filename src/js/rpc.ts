// Calls over messages, both ways: promises, async iterables, cancellation, errors with their codes.

/** A channel to another thread. */
export interface Port {
  post(message: unknown): void;
  /** Called once, before anything is posted. `fail` tells that the other side is gone. */
  listen(receive: (message: unknown) => void, fail: (reason: string) => void): void;
  /** Ends the other side. */
  close(): void;
  /** Whether somebody waits for an answer: where an idle channel should not keep the process up. */
  hold?(waiting: boolean): void;
}

/** Answers a call: with a value, a promise, or an async iterable, whose elements the caller then asks for. */
export type Serve = (method: string, parameters: unknown[], signal: AbortSignal) => unknown;

type Message =
  | { type: "call"; id?: number; method: string; parameters: unknown[]; aborted?: boolean }
  | { type: "abort" | "next" | "return" | "iterates"; id: number }
  | { type: "value"; id: number; value: unknown }
  | { type: "error"; id: number; error: unknown };

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

interface Running {
  controller: AbortController;
  iterator?: AsyncIterator<unknown>;
}

export class Peer {
  readonly #port: Port;
  readonly #serve: Serve;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<number, Running>();
  #next = 0;
  #failure: Error | undefined;

  constructor(port: Port, serve: Serve) {
    this.#port = port;
    this.#serve = serve;
    port.listen((message) => this.#receive(message as Message), (reason) => this.end(new Error(reason)));
  }

  /** Why nothing comes through any more. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The answer to a call. A signal tells the other side, and its answer still counts. */
  async call<T>(method: string, parameters: unknown[], signal?: AbortSignal): Promise<T> {
    const id = this.#next++;
    return (await this.#cancellable(id, signal, () => this.#ask({ type: "call", id, method, parameters, aborted: signal?.aborted ?? false }))) as T;
  }

  /** The elements of the iterable that a call gives. Leaving the loop ends it on the other side. */
  async *iterate<T>(method: string, parameters: unknown[], signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    const id = this.#next++;
    let result = await this.#cancellable(id, signal, () => this.#ask({ type: "call", id, method, parameters, aborted: signal?.aborted ?? false }));
    if (result !== iterates) throw new Error(`${method} gives no async iterable`);
    let ended = false;
    try {
      for (;;) {
        result = await this.#cancellable(id, signal, () => this.#ask({ type: "next", id })).catch((error: unknown) => {
          ended = true;
          throw error;
        });
        const { done, value } = result as IteratorResult<T, void>;
        if (done) {
          ended = true;
          return;
        }
        yield value;
      }
    } finally {
      if (!ended) this.#post({ type: "return", id });
    }
  }

  /** A call that nobody waits for. */
  tell(method: string, parameters: unknown[]): void {
    this.#post({ type: "call", method, parameters });
  }

  /** Ends the other side. What waits for it rejects with the reason. */
  end(reason: Error): void {
    if (this.#failure) return;
    this.#failure = reason;
    this.#port.close();
    for (const { controller } of this.#running.values()) controller.abort(reason);
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    this.#port.hold?.(false);
  }

  async #cancellable(id: number, signal: AbortSignal | undefined, ask: () => Promise<unknown>): Promise<unknown> {
    const abort = (): void => this.#post({ type: "abort", id });
    signal?.addEventListener("abort", abort);
    try {
      return await ask();
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #ask(message: Message & { id: number }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      // First: it throws for what cannot be sent.
      this.#port.post(message);
      this.#waiting.set(message.id, { resolve, reject });
      if (this.#waiting.size === 1) this.#port.hold?.(true);
    });
  }

  #post(message: Message): void {
    if (!this.#failure) this.#port.post(message);
  }

  #receive(message: Message): void {
    switch (message.type) {
      case "call":
        return this.#run(message);
      case "next":
        return void this.#advance(message.id);
      case "abort":
        return this.#running.get(message.id)?.controller.abort();
      case "return":
        return void this.#leave(message.id);
      case "iterates":
        return this.#settle(message.id, ({ resolve }) => resolve(iterates));
      case "value":
        return this.#settle(message.id, ({ resolve }) => resolve(message.value));
      case "error":
        return this.#settle(message.id, ({ reject }) => reject(message.error));
    }
  }

  #settle(id: number, tell: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#port.hold?.(false);
    tell(waiting);
  }

  /** Begins to answer, in the order in which calls come in. */
  #run({ id, method, parameters, aborted }: Message & { type: "call" }): void {
    const running: Running = { controller: new AbortController() };
    if (aborted) running.controller.abort();
    if (id !== undefined) this.#running.set(id, running);
    let outcome: unknown;
    try {
      outcome = this.#serve(method, parameters, running.controller.signal);
    } catch (error) {
      outcome = Promise.reject(error);
    }
    if (id === undefined) return;
    if (isIterable(outcome)) {
      running.iterator = outcome[Symbol.asyncIterator]();
      this.#post({ type: "iterates", id });
    } else {
      void this.#answer(id, outcome).finally(() => this.#running.delete(id));
    }
  }

  async #advance(id: number): Promise<void> {
    const ended = await this.#answer(id, this.#running.get(id)?.iterator?.next());
    if (ended) this.#running.delete(id);
  }

  /** Sends what comes of it. True if that was an end: an error, or the last of an iterator. */
  async #answer(id: number, outcome: unknown): Promise<boolean> {
    try {
      const value = await outcome;
      this.#post({ type: "value", id, value });
      return (value as IteratorResult<unknown> | undefined)?.done === true;
    } catch (error) {
      this.#post({ type: "error", id, error: sendable(error) });
      return true;
    }
  }

  /** The other side wants no more elements. What ending throws concerns nobody. */
  async #leave(id: number): Promise<void> {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.controller.abort();
    try {
      await running?.iterator?.return?.();
    } catch {}
  }
}

/** Stands for an iterable that the other side keeps. */
const iterates = Symbol("iterates");

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Of an error what says something, as plain data; anything else as text. */
function sendable(thrown: unknown): unknown {
  if (typeof thrown !== "object" || thrown === null) return { message: String(thrown) };
  const { name, message, code, status, retryAfter } = thrown as Record<string, unknown>;
  const fields = Object.entries({ name, message, code, status, retryAfter });
  return Object.fromEntries(fields.filter(([, value]) => typeof value === "string" || typeof value === "number"));
}
