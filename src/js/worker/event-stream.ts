import type { Refusal } from "./problem.js";

/** One server-sent event; JSON has no line breaks of its own. */
export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

export type Events = AsyncGenerator<ServerEvent, void, undefined>;

const encoder = new TextEncoder();
const encode = ({ event, data }: ServerEvent): Uint8Array => encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);

/**
 * A response of events as they come. An error is the last event. When the reader goes away the signal fires, so that
 * what the events come from ends at once and not with its next part.
 */
export function eventStream(start: (signal: AbortSignal) => Events, failed: (error: unknown) => Refusal): Response {
  const gone = new AbortController();
  const events = start(gone.signal);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(encode(value));
      } catch (error) {
        if (gone.signal.aborted) return;
        controller.enqueue(encode({ event: "error", data: failed(error).problem() }));
        controller.close();
      }
    },
    async cancel() {
      gone.abort();
      await events.return().catch(() => undefined);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" } });
}

/** What a call tells through a callback, as events `progress`, and then what it resolves to, as `done`. */
export async function* callbackEvents<P extends object, R>(call: (told: (progress: P) => void) => Promise<R>): Events {
  const waiting: P[] = [];
  let wake = (): void => undefined;
  let ended = false;
  const result = call((progress) => {
    waiting.push(progress);
    wake();
  }).finally(() => {
    ended = true;
    wake();
  });
  // It is awaited, and its failure seen, below; until then nobody has.
  result.catch(() => undefined);
  for (;;) {
    for (let data = waiting.shift(); data !== undefined; data = waiting.shift()) yield { event: "progress", data };
    if (ended) break;
    await new Promise<void>((resolve) => { wake = resolve; });
  }
  yield { event: "done", data: await result };
}
