/** What a token allows. */
export type Scope = "read" | "write";

/** A bearer token. Keep it among the Worker's secrets. */
export interface Token {
  readonly token: string;
  readonly scopes: readonly Scope[];
  /** The knowledge bases that it is for; default: all. */
  readonly bases?: readonly string[];
}

const encoder = new TextEncoder();

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", encoder.encode(text));

/** Who a request comes from. */
export type Holder = Token & { /** Names the token without telling it. */ readonly id: string };

/**
 * The token that the request carries: `undefined` if it carries none, `"unknown"` if it is none of these.
 *
 * Digests are compared, in constant time and always with all of them, so that the time tells neither a token's length
 * nor how much of a guess was right nor which token it was.
 */
export async function holder(request: Request, tokens: readonly Token[]): Promise<Holder | "unknown" | undefined> {
  const header = request.headers.get("authorization");
  if (header === null) return undefined;
  const given = await digest(/^bearer +(\S+) *$/i.exec(header)?.[1] ?? "");
  let found: Token | undefined;
  for (const token of tokens) {
    const same = crypto.subtle.timingSafeEqual(given, await digest(token.token));
    // An empty secret is one that was forgotten, and must not open anything.
    if (same && token.token !== "") found = token;
  }
  if (!found) return "unknown";
  const id = [...new Uint8Array(given).subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { ...found, id };
}

/** Whether the holder may do this to that knowledge base. */
export function allows(holder: Token, scope: Scope, base: string): boolean {
  return holder.scopes.includes(scope) && (holder.bases?.includes(base) ?? true);
}
