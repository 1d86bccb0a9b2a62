/** An idle channel must not keep a Node process up. */
interface Unreferenced {
  unref?(): void;
}

/**
 * Word between the instances on one knowledge base, in other tabs or workers, that somebody has committed. Only a hint:
 * whoever misses it follows with its next commit, and one that is wrong costs a look at the storage.
 */
export class Hints {
  readonly #channel: BroadcastChannel | undefined;
  readonly #follow: () => Promise<unknown>;
  #stale = false;
  #following = false;

  constructor(name: string, follow: () => Promise<unknown>) {
    this.#follow = follow;
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel(`smolrag:${name}`);
    this.#channel.onmessage = this.#look;
    (this.#channel as Unreferenced).unref?.();
    // A page that was frozen may have missed some.
    globalThis.document?.addEventListener("visibilitychange", this.#look);
  }

  tell(): void {
    this.#channel?.postMessage("committed");
  }

  close(): void {
    this.#channel?.close();
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
  }

  /** One look at a time, and one more for all the hints that came during it. */
  readonly #look = (): void => {
    this.#stale = true;
    if (!this.#following) void this.#lookUntilFresh();
  };

  async #lookUntilFresh(): Promise<void> {
    this.#following = true;
    while (this.#stale) {
      this.#stale = false;
      // Whoever calls next is told what fails.
      await this.#follow().catch(() => undefined);
    }
    this.#following = false;
  }
}
