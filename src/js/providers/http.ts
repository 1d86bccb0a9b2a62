// Requests to a provider over HTTP: asked again when that may help, given up in time, errors that say what to do.
import { SmolRagError } from "../error.js";

/** How a provider is reached. */
export interface HttpOptions {
  /** Sent as a bearer token (Azure: as `api-key`). A function is asked before every request. */
  apiKey?: string | (() => string | Promise<string>);
  /** Further headers of every request. */
  headers?: Readonly<Record<string, string>>;
  /** In place of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
  /** How often a request that failed for the moment is sent again; default 4. */
  retries?: number;
  /** Seconds for a request with all its repetitions; default 120. */
  timeout?: number;
}

/** Statuses that another try may change. */
const passing = (status: number): boolean => status === 408 || status === 409 || status === 429 || status >= 500;

/** Milliseconds before the first repetition; doubled before each further one. */
const firstPause = 500;
const longestPause = 30_000;

/** An endpoint that takes JSON. */
export class Endpoint {
  readonly #url: string;
  readonly #options: HttpOptions;

  /** `path` is put behind the path of `baseURL`; a query of `baseURL` is kept. */
  constructor(baseURL: string, path: string, options: HttpOptions) {
    let url: URL;
    try {
      url = new URL(baseURL);
    } catch {
      throw new SmolRagError("invalid-argument", `baseURL: ${JSON.stringify(baseURL)} is no URL; it looks like "https://api.openai.com/v1"`);
    }
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
    this.#url = url.href;
    this.#options = options;
  }

  /**
   * Posts and reads the answer with `read`. Sent again while `read` has not given anything to the caller:
   * on 408, 409, 429, 5xx and broken connections, after a pause that doubles (with jitter) or
   * the one that the provider asks for. Rejects with the code `provider`, or with the signal's reason.
   */
  async post<T>(body: unknown, signal: AbortSignal | undefined, read: (response: Response) => Promise<T>): Promise<T> {
    const { retries = 4, timeout = 120 } = this.#options;
    const deadline = AbortSignal.timeout(timeout * 1000);
    const until = performance.now() + timeout * 1000;
    const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
    for (let attempt = 0; ; attempt += 1) {
      let key: string | undefined;
      try {
        key = await this.#key();
        return await read(await this.#send(body, key, either));
      } catch (thrown) {
        if (signal?.aborted) throw signal.reason;
        if (deadline.aborted) throw new SmolRagError("provider", `the provider gave no answer for ${timeout} s; try later or raise the timeout`, { cause: thrown });
        const error = this.#explain(thrown, key);
        const pause = pauseBefore(attempt, error.retryAfter);
        const again = attempt < retries && (error.status === undefined ? isBroken(thrown) : passing(error.status));
        // Rather at once than after a wait that cannot end well.
        if (!again || performance.now() + pause > until) throw error;
        await sleep(pause, either);
      }
    }
  }

  async #send(body: unknown, key: string | undefined, signal: AbortSignal): Promise<Response> {
    const { fetch = globalThis.fetch, headers = {} } = this.#options;
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#authorization(key), ...headers },
      body: JSON.stringify(body),
      signal,
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #key(): Promise<string | undefined> {
    const { apiKey } = this.#options;
    return typeof apiKey === "function" ? apiKey() : apiKey;
  }

  #authorization(key: string | undefined): Record<string, string> {
    if (!key) return {};
    return this.#url.includes("/openai/deployments/") ? { "api-key": key } : { authorization: `Bearer ${key}` };
  }

  /** The error to show: of one kind, and without the key, which some servers repeat. */
  #explain(thrown: unknown, key: string | undefined): SmolRagError {
    const { message, status, retryAfter } = thrown instanceof SmolRagError
      ? thrown
      : new SmolRagError("provider", `the provider at ${new URL(this.#url).host} cannot be reached: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return new SmolRagError("provider", key ? message.replaceAll(key, "…") : message, { status, retryAfter });
  }
}

/** Something that broke on the way: another try may get through. */
export class Broken extends SmolRagError {
  constructor(message: string) {
    super("provider", message);
  }
}

function isBroken(thrown: unknown): boolean {
  return thrown instanceof Broken || !(thrown instanceof SmolRagError);
}

async function refusal(response: Response): Promise<SmolRagError> {
  const { status } = response;
  const said = await response.text().then(reasonIn, () => "");
  const advice = status === 401 || status === 403 ? "; check the key" : status === 404 ? "; check the base URL and the model's name" : "";
  return new SmolRagError("provider", `the provider answered ${status}${said && `: ${said}`}${advice}`, { status, retryAfter: retryAfter(response.headers) });
}

/** What a server says in the error forms that are in use, in one line. */
function reasonIn(body: string): string {
  let reason: unknown = body;
  try {
    const json = JSON.parse(body) as { error?: unknown; message?: unknown; detail?: unknown };
    const inner = json.error ?? json.message ?? json.detail;
    reason = typeof inner === "object" && inner !== null && "message" in inner ? inner.message : inner;
  } catch {
    // not JSON: as it is
  }
  return typeof reason === "string" ? reason.replace(/\s+/g, " ").trim().slice(0, 300) : "";
}

/** Seconds: of `Retry-After` (a number or a date), or of the finer header that some servers send. */
export function retryAfter(headers: Headers): number | undefined {
  const fine = Number(headers.get("retry-after-ms") ?? NaN);
  if (fine >= 0) return fine / 1000;
  const said = headers.get("retry-after");
  if (said === null) return undefined;
  const seconds = said.trim() === "" ? NaN : Number(said);
  if (seconds >= 0) return seconds;
  const until = Date.parse(said) - Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until / 1000);
}

function pauseBefore(attempt: number, wanted: number | undefined): number {
  if (wanted !== undefined) return wanted * 1000;
  return Math.min(longestPause, firstPause * 2 ** attempt) * (0.75 + Math.random() / 2);
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
