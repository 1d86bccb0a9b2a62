/** What went wrong, as a word that does not change between versions. */
export type SmolRagErrorCode =
  | "aborted"
  | "closed"
  | "queue-full"
  | "invalid-argument"
  | "provider"
  | "budget-spent"
  | "model-mismatch"
  | "storage-quota"
  | "storage-blocked"
  | "storage-conflict"
  | "storage-corrupt"
  | "snapshot-corrupt"
  | "internal";

/** Every rejection of the package. Branch on {@link code}; the message says what to do. */
export class SmolRagError extends Error {
  override readonly name = "SmolRagError";
  readonly code: SmolRagErrorCode;
  /** The HTTP status, where a provider answered with one. */
  readonly status?: number;
  /** Seconds after which the provider wants to be asked again. */
  readonly retryAfter?: number;

  constructor(
    code: SmolRagErrorCode,
    message: string,
    details: { status?: number | undefined; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.status !== undefined) this.status = details.status;
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter;
  }

  /** @internal From what the core rejects with: plain fields, or a trap of the wasm instance. */
  static from(thrown: unknown): SmolRagError {
    if (thrown instanceof SmolRagError) return thrown;
    if (isFields(thrown)) return new SmolRagError(thrown.code, thrown.message, thrown);
    const message = hasMessage(thrown) ? thrown.message : String(thrown);
    return new SmolRagError("internal", `a defect of smolrag: ${message}`, { cause: thrown });
  }
}

interface Fields {
  code: SmolRagErrorCode;
  message: string;
  status?: number;
  retryAfter?: number;
}

function hasMessage(value: unknown): value is { message: string } {
  return typeof value === "object" && value !== null && "message" in value && typeof value.message === "string";
}

function isFields(value: unknown): value is Fields {
  return hasMessage(value) && "code" in value && typeof value.code === "string" && !(value instanceof Error);
}
