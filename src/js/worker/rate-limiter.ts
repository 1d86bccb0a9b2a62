import { DurableObject } from "cloudflare:workers";

import { gcra, type Rate, type Verdict } from "./gcra.js";

/**
 * What one client has used, in one place for all isolates: an object for each client and kind of request.
 *
 * Input gates make reading and writing the number one step, so that no two requests see the same one.
 */
export class RateLimiter<Env = unknown> extends DurableObject<Env> {
  #alarm = 0;

  /** Takes one request from the client's quota, if there is one. */
  async take(rate: Rate): Promise<Verdict> {
    const now = Date.now();
    const kept = (await this.ctx.storage.get<number>("fullAt")) ?? 0;
    const verdict = gcra(rate, kept, now);
    if (verdict.allowed) {
      await this.ctx.storage.put("fullAt", verdict.fullAt);
      await this.#forgetAt(verdict.fullAt);
    }
    return verdict;
  }

  /** A client whose whole quota is there again is like one that never came. */
  async alarm(): Promise<void> {
    const kept = (await this.ctx.storage.get<number>("fullAt")) ?? 0;
    if (kept > Date.now()) await this.#forgetAt(kept);
    else await this.ctx.storage.deleteAll();
  }

  /** By the minute, so that a client who comes often costs one alarm a minute and not one a request. */
  async #forgetAt(time: number): Promise<void> {
    const minute = (Math.floor(time / 60_000) + 1) * 60_000;
    if (minute === this.#alarm) return;
    this.#alarm = minute;
    await this.ctx.storage.setAlarm(minute);
  }
}

/** What a client is told of its quota; see draft-ietf-httpapi-ratelimit-headers, and the three names before it. */
export function rateHeaders(policy: string, rate: Rate, verdict: Verdict): Record<string, string> {
  const reset = String(Math.ceil(verdict.reset / 1000));
  const headers: Record<string, string> = {
    "ratelimit-policy": `"${policy}";q=${rate.quota};w=${rate.seconds}`,
    "ratelimit": `"${policy}";r=${verdict.remaining};t=${reset}`,
    "ratelimit-limit": String(rate.quota),
    "ratelimit-remaining": String(verdict.remaining),
    "ratelimit-reset": reset,
  };
  if (!verdict.allowed) headers["retry-after"] = String(Math.max(1, Math.ceil(verdict.retryAfter / 1000)));
  return headers;
}
