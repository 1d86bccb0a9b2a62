/** How much a client may ask: `quota` at once, after which one more comes back every `seconds / quota`. */
export interface Rate {
  readonly quota: number;
  readonly seconds: number;
}

/** Whether one more request conforms. Times are in milliseconds. */
export interface Verdict {
  readonly allowed: boolean;
  /** Requests that would be allowed right behind this one. */
  readonly remaining: number;
  /** Until the next request is allowed; 0 if it is now. */
  readonly retryAfter: number;
  /** Until the whole quota is there again. */
  readonly reset: number;
  /** The one number that is kept of a client: when the whole quota will be there again. */
  readonly fullAt: number;
}

/**
 * The generic cell rate algorithm (ITU-T I.371), as virtual scheduling: each request moves `fullAt` one interval on, and
 * conforms while that is no more than the whole quota ahead of now. One number a client, and no timer.
 */
export function gcra(rate: Rate, fullAt: number, now: number): Verdict {
  const interval = (rate.seconds * 1000) / rate.quota;
  const window = rate.seconds * 1000;
  const next = Math.max(fullAt, now) + interval;
  // The sum of intervals may be over the window by rounding alone.
  const allowed = next - now <= window + 1e-3;
  const kept = allowed ? next : fullAt;
  const remaining = Math.max(0, Math.floor((window - (kept - now) + 1e-3) / interval));
  const retryAfter = remaining > 0 ? 0 : Math.max(0, kept + interval - window - now);
  return { allowed, remaining, retryAfter, reset: Math.max(0, kept - now), fullAt: kept };
}
