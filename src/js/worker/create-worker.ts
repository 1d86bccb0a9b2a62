import { clientOf } from "./client.js";
import type { Rate, Verdict } from "./gcra.js";
import { describe } from "./openapi.js";
import { BASE_NAME, match, type Match, type Policy } from "./operations.js";
import { Refusal, refusal } from "./problem.js";
import { rateHeaders } from "./rate-limiter.js";
import { allows, holder, type Holder, type Token } from "./tokens.js";

/** What this needs of a Durable Object namespace. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: never): { fetch(request: Request): Promise<Response> };
}

/** One line of the log: who asked what, and how it ended. It holds no text of documents, questions or answers. */
export interface LogEntry {
  readonly level: "info" | "error";
  readonly request: string;
  readonly method: string;
  /** The path with its variables left open. */
  readonly route: string;
  readonly base?: string;
  readonly status: number;
  readonly code?: string;
  /** Milliseconds until the head of the answer. */
  readonly duration: number;
}

export interface WorkerOptions {
  /** The objects that are knowledge bases; default: the binding `KNOWLEDGE_BASES`. */
  readonly objects?: ObjectNamespace;
  /** The objects that count requests; default: the binding `RATE_LIMITERS`. */
  readonly limiters?: ObjectNamespace;
  /** Who may do what. Without a token that has the scope "write", nobody can write. */
  readonly tokens?: readonly Token[];
  /** Whether reading wants a token; default "public", as SmolRAG has it. */
  readonly reading?: "public" | "token";
  /** The knowledge bases that there may be; by default each name is one. */
  readonly bases?: readonly string[];
  /** The origins whose pages may call, or "*"; default: none. */
  readonly origins?: readonly string[] | "*";
  /** Requests a minute and client; default 10 queries, 120 other reads, 60 writes. */
  readonly limits?: Partial<Record<Policy, number>>;
  /** The most bytes of documents or of a snapshot in one request; default 16 MiB. */
  readonly bodyBytes?: number;
  /** Where log entries go; default: `console.log`, as one line of JSON. */
  readonly log?: (entry: LogEntry) => void;
}

const LIMITS: Readonly<Record<Policy, number>> = { queries: 10, reads: 120, writes: 60 };
const SMALL_BODY = 256 * 2 ** 10;
const LARGE_BODY = 16 * 2 ** 20;
const EXPOSED = "x-request-id, retry-after, ratelimit, ratelimit-policy, ratelimit-limit, ratelimit-remaining, ratelimit-reset";

/** The fetch handler of a Worker: access, limits and the way to the object that is asked for. */
export function createWorker<Env = unknown>(configure: WorkerOptions | ((env: Env) => WorkerOptions) = {}): {
  fetch(request: Request, env: Env): Promise<Response>;
} {
  return {
    async fetch(request, env) {
      const options = typeof configure === "function" ? configure(env) : configure;
      return new Visit(request, options, env as Partial<Record<string, ObjectNamespace>>).handle();
    },
  };
}

/** One request on its way. */
class Visit {
  readonly #request: Request;
  readonly #options: WorkerOptions;
  readonly #env: Partial<Record<string, ObjectNamespace>>;
  readonly #started = Date.now();
  readonly #id: string;
  readonly #url: URL;
  #base: string | undefined;
  #route = "";
  /** Of the answer, whatever it is. */
  readonly #headers: Record<string, string> = {};

  constructor(request: Request, options: WorkerOptions, env: Partial<Record<string, ObjectNamespace>>) {
    this.#request = request;
    this.#options = options;
    this.#env = env;
    this.#url = new URL(request.url);
    const given = request.headers.get("x-request-id") ?? "";
    this.#id = /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
  }

  async handle(): Promise<Response> {
    let code: string | undefined;
    let response: Response;
    try {
      response = await this.#respond();
    } catch (error) {
      const refused = unreachable(error) ?? refusal(error);
      code = refused.code;
      if (refused.status === 500) {
        console.error(JSON.stringify({ level: "error", request: this.#id, message: error instanceof Error ? error.message : String(error) }));
      }
      response = refused.response();
    }
    this.#log(response.status, code);
    return this.#finished(response);
  }

  async #respond(): Promise<Response> {
    const { method } = this.#request;
    const path = this.#path();
    if (path === "/healthz" || path === "/openapi.json") {
      this.#route = path;
      if (method === "OPTIONS") return this.#preflight(["GET"]);
      if (method !== "GET") throw this.#wrongMethod(["GET"]);
      return Response.json(path === "/healthz" ? { status: "ok" } : describe(this.#url.origin));
    }
    const found = match(method, path);
    if ("allowed" in found) {
      if (found.allowed.length === 0) throw new Refusal(404, "not-found", "There is nothing at this path");
      this.#route = path.startsWith("/documents/") ? "/documents/{source}" : path;
      if (method === "OPTIONS") return this.#preflight(found.allowed);
      throw this.#wrongMethod(found.allowed);
    }
    this.#route = found.operation.path;
    const holder = await this.#admit(found);
    await this.#count(found.operation.policy, holder);
    return this.#forward(path, found);
  }

  /** The path within a knowledge base, whose name is set aside. */
  #path(): string {
    const { pathname } = this.#url;
    const [, name, rest] = /^\/kb\/([^/]*)(.*)$/.exec(pathname) ?? [];
    this.#base = name ?? "default";
    const { bases } = this.#options;
    if (!new RegExp(BASE_NAME).test(this.#base)) {
      this.#base = undefined;
      throw new Refusal(404, "not-found", "The name of a knowledge base is 1 to 64 letters, digits, - and _, the first a letter or a digit");
    }
    if (bases && !bases.includes(this.#base)) throw new Refusal(404, "not-found", "There is no knowledge base of this name");
    return rest ?? pathname;
  }

  async #admit({ operation }: Match): Promise<Holder | undefined> {
    const { tokens = [], reading = "public" } = this.#options;
    const given = await holder(this.#request, tokens);
    const challenge = { "www-authenticate": 'Bearer realm="smolrag"' };
    if (given === "unknown") throw new Refusal(401, "unauthorized", "This token is not known here", challenge);
    const open = operation.scope === "read" && reading === "public" && !operation.closed;
    if (open) return given;
    if (!given) throw new Refusal(401, "unauthorized", "This needs a token: Authorization: Bearer …", challenge);
    if (!allows(given, operation.scope, this.#base!)) {
      throw new Refusal(403, "forbidden", `This token does not allow to ${operation.scope} here`);
    }
    return given;
  }

  async #count(policy: Policy, holder: Holder | undefined): Promise<void> {
    const rate: Rate = { quota: this.#options.limits?.[policy] ?? LIMITS[policy], seconds: 60 };
    const limiters = this.#options.limiters ?? this.#env["RATE_LIMITERS"];
    if (!limiters) throw new Error("createWorker: there is no binding RATE_LIMITERS for the Durable Object RateLimiter");
    const client = clientOf(this.#request, holder?.id);
    const limiter = limiters.get(limiters.idFromName(`${policy} ${client}`) as never) as unknown as { take(rate: Rate): Promise<Verdict> };
    const verdict = await limiter.take(rate);
    Object.assign(this.#headers, rateHeaders(policy, rate, verdict));
    if (!verdict.allowed) {
      throw new Refusal(429, "rate-limited", `More than ${rate.quota} ${policy} a minute; wait ${this.#headers["retry-after"]} seconds`);
    }
  }

  async #forward(path: string, { operation }: Match): Promise<Response> {
    const objects = this.#options.objects ?? this.#env["KNOWLEDGE_BASES"];
    if (!objects) throw new Error("createWorker: there is no binding KNOWLEDGE_BASES for the Durable Object SmolRagObject");
    const limit = operation.body?.limit === "small" ? SMALL_BODY : (this.#options.bodyBytes ?? LARGE_BODY);
    const body = operation.body ? await limited(this.#request, limit) : null;
    const request = new Request(new URL(path + this.#url.search, "https://knowledge-base"), {
      method: operation.method,
      headers: { "x-request-id": this.#id },
      body: body as BodyInit | null,
      signal: this.#request.signal,
    });
    return objects.get(objects.idFromName(this.#base!) as never).fetch(request);
  }

  #wrongMethod(allowed: string[]): Refusal {
    return new Refusal(405, "method-not-allowed", `This path knows ${allowed.join(", ")}`, { allow: [...allowed, "OPTIONS"].join(", ") });
  }

  #preflight(allowed: string[]): Response {
    return new Response(null, {
      status: 204,
      headers: {
        "allow": [...allowed, "OPTIONS"].join(", "),
        ...(this.#origin() && {
          "access-control-allow-methods": allowed.join(", "),
          "access-control-allow-headers": "authorization, content-type, x-request-id",
          "access-control-max-age": "86400",
        }),
      },
    });
  }

  /** The origin that is told it may read the answer. */
  #origin(): string | undefined {
    const { origins = [] } = this.#options;
    const origin = this.#request.headers.get("origin");
    if (origin === null) return undefined;
    if (origins === "*") return "*";
    return origins.includes(origin) ? origin : undefined;
  }

  #finished(response: Response): Response {
    const finished = new Response(response.body, response);
    const origin = this.#origin();
    const headers = { ...this.#headers, "x-request-id": this.#id, "x-content-type-options": "nosniff" };
    for (const [name, value] of Object.entries(headers)) finished.headers.set(name, value);
    if (this.#options.origins && this.#options.origins !== "*") finished.headers.append("vary", "origin");
    if (origin !== undefined) {
      finished.headers.set("access-control-allow-origin", origin);
      finished.headers.set("access-control-expose-headers", EXPOSED);
    }
    return finished;
  }

  #log(status: number, code: string | undefined): void {
    const log = this.#options.log ?? ((entry: LogEntry): void => console.log(JSON.stringify(entry)));
    log({
      level: status >= 500 ? "error" : "info",
      request: this.#id,
      method: this.#request.method,
      route: this.#route,
      ...(this.#base !== undefined && { base: this.#base }),
      status,
      ...(code !== undefined && { code }),
      duration: Date.now() - this.#started,
    });
  }
}

/** What the runtime says when an object is restarting or has too much to do. */
function unreachable(error: unknown): Refusal | undefined {
  const { retryable, overloaded } = (error ?? {}) as { retryable?: boolean; overloaded?: boolean };
  if (!retryable && !overloaded) return undefined;
  return new Refusal(503, "unavailable", "The knowledge base is busy or restarting; try again", { "retry-after": "1" });
}

/** The whole body, unless it is longer than that. */
async function limited(request: Request, most: number): Promise<Uint8Array> {
  const tooLong = (): Refusal => new Refusal(413, "too-large", `The body has more than ${most} bytes; send less at once`);
  if (Number(request.headers.get("content-length")) > most) throw tooLong();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > most) throw tooLong();
    parts.push(part);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
