import { SmolRagError } from "../error.js";
import type { SmolRagErrorCode } from "../error.js";

/** A request that is refused, and how. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  /** What the caller is told. */
  problem(): { detail: string; code: string } {
    return { detail: this.message, code: this.code };
  }

  response(): Response {
    return Response.json(this.problem(), { status: this.status, headers: this.headers });
  }
}

/** What the caller can do something about. All else is the server's own affair, and what it says stays inside. */
const STATUS: Partial<Record<SmolRagErrorCode, number>> = {
  "invalid-argument": 400,
  "snapshot-corrupt": 400,
  "model-mismatch": 409,
  "storage-quota": 507,
  "budget-spent": 503,
  "queue-full": 503,
  "storage-conflict": 503,
  "closed": 503,
};

/** Any error as what the caller is told. */
export function refusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  const { code, message } = SmolRagError.from(thrown);
  const status = STATUS[code];
  if (status === undefined) return new Refusal(500, code, "Internal server error");
  return new Refusal(status, code, message, status === 503 ? { "retry-after": "1" } : {});
}
