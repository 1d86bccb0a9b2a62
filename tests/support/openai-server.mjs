// A server that speaks OpenAI's protocol over real HTTP, and misbehaves on request: the first part of the path says how.
// `GET /<way>/requests` gives what it was asked that way.
import { createServer } from "node:http";

const dimensions = 8;

/** A vector that depends on the words of a text alone. */
function vector(text) {
  const sums = new Array(dimensions).fill(0);
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? []) {
    let hash = 0;
    for (const character of word) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
    sums[hash % dimensions] += 1;
  }
  return sums;
}

/** Answers each kind of question that the package asks, in the form that it asks for. */
function chat(messages, json = false) {
  const [system, prompt] = [messages.find(({ role }) => role === "system")?.content ?? "", messages.at(-1).content];
  if (system.includes("knowledge graph from the passages")) {
    const passage = prompt.slice(prompt.indexOf("<passage"));
    const names = [...new Set(passage.match(/\b[A-Z][a-z]{3,}\b/g) ?? [])].slice(0, 3);
    if (json) {
      return JSON.stringify({
        entities: names.map((name) => ({ name, category: "concept", description: `${name} is spoken of.` })),
        relationships: names.slice(1).map((name) => ({ source: names[0], target: name, description: "They go together.", keywords: ["company"], weight: 5 })),
        keywords: ["company"],
      });
    }
    const entities = names.map((name) => `("entity"<|>${name}<|>concept<|>${name} is spoken of.)`);
    const relationships = names.slice(1).map((name) => `("relationship"<|>${names[0]}<|>${name}<|>They go together.<|>company<|>5)`);
    return [...entities, ...relationships, '("content_keywords"<|>company)'].join("+|+") + "<|COMPLETE|>";
  }
  if (system.includes("search terms")) return "themes: company\nnames: Sencha";
  if (system.includes("You answer questions")) return "Sencha is steamed, *naïvely* spoken 🍵 [1].";
  return "It is about tea.";
}

const json = (response, status, body, headers = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...cors, ...headers }).end(typeof body === "string" ? body : JSON.stringify(body));
};

const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-expose-headers": "retry-after, retry-after-ms" };

const delta = (content, finish_reason = null) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: content === undefined ? {} : { content }, finish_reason }] })}\n\n`;

/** What a call is said to have taken; `vectors` by the text. */
export const told = { prompt: 10, completion: 5, text: 3 };
const usage = { prompt_tokens: told.prompt, completion_tokens: told.completion };

function events(text, tells) {
  const last = tells ? [`data: ${JSON.stringify({ choices: [], usage })}\n\n`] : [];
  return [...text.match(/.{1,7}/gsu).map((part) => delta(part)), delta(undefined, "stop"), ...last, "data: [DONE]\n\n"];
}

async function stream(response, parts) {
  response.writeHead(200, { "content-type": "text/event-stream", ...cors });
  for (const part of parts) {
    response.write(part);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  response.end();
}

const complete = ({ body, response }) => {
  const text = chat(body.messages, body.response_format !== undefined);
  return body.stream
    ? stream(response, events(text, body.stream_options?.include_usage))
    : json(response, 200, { choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }], usage });
};
const embed = ({ body, response }) => json(response, 200, {
  data: body.input.map((text, index) => ({ index, embedding: vector(text) })), usage: { prompt_tokens: told.text * body.input.length },
});
const well = (call) => (call.path.endsWith("/embeddings") ? embed : complete)(call);

/** Misbehaves for the first `times` requests, and answers well from then on. */
const at_first = (times, misbehave) => (call) => (call.number <= times ? misbehave(call) : well(call));
const refuse = (status, message, headers) => ({ response }) => json(response, status, { error: { message } }, headers);

/** Refuses the questions whose system prompt and prompt hold such words. */
const refusing = (...words) => (call) => {
  const asked = JSON.stringify(call.body.messages ?? "");
  return (words.every((word) => asked.includes(word)) ? refuse(400, "not that") : well)(call);
};

const ways = {
  well,
  "without-summaries": refusing("sentences about the passage"),
  "without-espresso": refusing("knowledge graph from the passages", "Espresso"),
  "flaky": at_first(2, refuse(503, "busy")),
  "limited": at_first(1, refuse(429, "slow down", { "retry-after": "1" })),
  "limited-finely": at_first(1, refuse(429, "slow down", { "retry-after-ms": "30", "retry-after": "60" })),
  "limited-long": refuse(429, "come back tomorrow", { "retry-after": "86400" }),
  "refused-400": refuse(400, "no such parameter"),
  "refused-401": ({ response, request }) => json(response, 401, { error: { message: `wrong key ${request.headers.authorization}` } }),
  "refused-404": refuse(404, "no such model"),
  "garbage": at_first(1, ({ response }) => json(response, 200, "<html>not json")),
  "dropped": at_first(1, ({ request }) => request.socket.destroy()),
  "no-text": ({ response }) => json(response, 200, { choices: [{ message: {} }] }),
  "slow": ({ response }) => void setTimeout(() => response.destroyed || json(response, 200, {}), 20_000).unref(),
  "cut": ({ response }) => {
    response.writeHead(200, { "content-type": "text/event-stream", ...cors });
    response.write(delta("Sencha is st"));
    setTimeout(() => response.destroy(), 20);
  },
  "cut-quietly": ({ response }) => stream(response, [delta("Sencha is st")]),
  "cut-at-first": at_first(1, ({ response }) => stream(response, [])),
  "without-done": ({ response }) => stream(response, [delta("whole"), delta(undefined, "stop")]),
  "error-event": ({ response }) => stream(response, [delta("Sen"), `data: ${JSON.stringify({ error: { message: "out of memory" } })}\n\n`]),
  // Every byte by itself, lines ended in both ways, a comment, an event without the blank behind the colon.
  "crumbs": ({ response }) => stream(response, Array.from(
    Buffer.from(`: hello\r\n\r\n${events("Grüße 🍵 [1]").join("").replaceAll("\n", "\r\n")}`.replace("data: ", "data:")), (byte) => Buffer.from([byte]))),
  "short-vector": ({ body, response }) => json(response, 200, { data: body.input.map((_, index) => ({ index, embedding: [1, 2, 3] })) }),
  "backwards": ({ body, response }) => json(response, 200, { data: body.input.map((text, index) => ({ index, embedding: vector(text) })).reverse() }),
  "fails-later": (call) => (call.number > 5 && call.number <= 7 ? refuse(400, "not today")(call) : well(call)),
};

export const vectorSize = dimensions;

/** Starts it; `url` is its origin. */
export async function startOpenAIServer() {
  const logs = new Map();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const [, way, ...rest] = pathname.split("/");
    if (request.method === "OPTIONS") return void response.writeHead(204, cors).end();
    // A way may be used by several tests at once, each with a log of its own: `flaky.third`.
    const [kind] = way.split(".");
    const log = logs.get(way) ?? [];
    logs.set(way, log);
    if (rest[0] === "requests") return json(response, 200, log);
    let body = "";
    for await (const part of request) body += part;
    const entry = { path: `/${rest.join("/")}`, query: searchParams.toString(), headers: request.headers, body: JSON.parse(body), aborted: false };
    log.push(entry);
    response.on("close", () => { entry.aborted = !response.writableFinished; });
    const call = { number: log.length, path: entry.path, body: entry.body, request, response };
    await (ways[kind] ?? refuse(404, `no such way: ${kind}`))(call);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}
