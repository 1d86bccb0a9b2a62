// What this folder uses of Cloudflare's runtime. Who deploys has the whole of it from `wrangler types`.
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableObjectState;
    protected readonly env: Env;
    constructor(ctx: DurableObjectState, env: Env);
  }

  export interface DurableObjectState {
    readonly storage: DurableObjectStorage;
  }

  export interface DurableObjectStorage {
    readonly sql: { exec(query: string, ...bindings: (string | number | Uint8Array)[]): { raw(): Iterable<unknown[]> } };
    transactionSync<T>(closure: () => T): T;
    get<T>(key: string): Promise<T | undefined>;
    put(key: string, value: unknown): Promise<void>;
    setAlarm(time: number): Promise<void>;
    deleteAll(): Promise<void>;
  }
}

interface SubtleCrypto {
  timingSafeEqual(a: ArrayBuffer | ArrayBufferView, b: ArrayBuffer | ArrayBufferView): boolean;
}
