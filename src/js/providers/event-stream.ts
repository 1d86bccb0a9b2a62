/**
 * The data of each event of a `text/event-stream` body, in order, however its bytes are cut.
 * Fields other than `data` and comments are passed over.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length > 0) yield data.join("\n");
      data = [];
    } else if (line.startsWith("data:")) {
      data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
  // Some servers leave out the blank line behind the last event.
  if (data.length > 0) yield data.join("\n");
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      // A carriage return at the end may be the first half of a line break.
      const whole = done ? rest.length : rest.length - (rest.endsWith("\r") ? 1 : 0);
      const parts = rest.slice(0, whole).split(/\r\n|\r|\n/);
      rest = (parts.pop() ?? "") + rest.slice(whole);
      yield* parts;
      if (done) {
        if (rest !== "") yield rest;
        return;
      }
    }
  } finally {
    // Whoever leaves early wants no more of it.
    reader.cancel().catch(() => undefined);
  }
}
