// The operations of the HTTP API over one open knowledge base.
import type { SmolRag } from "../smolrag.js";
import type { Document, IngestReport, Metadata, Mode, QueryOptions, Turn } from "../types.js";
import { callbackEvents, eventStream, type Events } from "./event-stream.js";
import { match, QUERY_TYPES, type Match, type Parameter } from "./operations.js";
import { Refusal } from "./problem.js";
import { fault } from "./schema.js";

/** What an operation is asked, checked for form. */
interface Asked {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
  /** What the caller is told of an error. */
  readonly failed: (error: unknown) => Refusal;
}

type Handler = (rag: SmolRag, asked: Asked) => Promise<Response>;

interface QueryBody {
  text: string;
  query_type?: Mode;
  history?: Turn[];
  top_k?: number;
  max_tokens?: number;
  filter?: Metadata;
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  async query(rag, { parameters, body, signal, failed }) {
    const { text, query_type: mode = "standard", history, top_k: topK, max_tokens: maxTokens, filter } = body as QueryBody;
    const options: QueryOptions = {
      mode,
      ...(history && { history }),
      ...(topK !== undefined && { topK }),
      ...(maxTokens !== undefined && { maxTokens }),
      ...(filter && { filter }),
    };
    if (parameters["stream"]) return eventStream((gone) => answerEvents(rag, text, { ...options, signal: gone }), failed);
    const { text: result, references } = await rag.query(text, { ...options, signal });
    return Response.json(parameters["references"] ? { result, references } : { result });
  },

  async listDocuments(rag) {
    return Response.json({ documents: await rag.documents() });
  },

  async ingest(rag, { parameters, body, signal, failed }) {
    const { documents } = body as { documents: Document[] };
    if (!parameters["stream"]) return Response.json(told(await rag.ingest(documents, { signal }), failed));
    return eventStream((gone) => callbackEvents(async (onProgress) => told(await rag.ingest(documents, { signal: gone, onProgress }), failed)), failed);
  },

  async removeDocument(rag, { parameters, signal }) {
    if (await rag.remove(parameters["source"] as string, { signal })) return Response.json({ removed: true });
    throw new Refusal(404, "not-found", "There is no such document");
  },

  async graph(rag, { parameters }) {
    return Response.json(await rag.graph(parameters));
  },

  async stats(rag) {
    return Response.json(rag.stats());
  },

  async exportSnapshot(rag) {
    const file = await rag.exportSnapshot();
    return new Response(file as BodyInit, { headers: { "content-type": "application/octet-stream" } });
  },

  async importSnapshot(rag, { body }) {
    await rag.importSnapshot(body as Uint8Array);
    return Response.json({ documents: rag.stats().documents });
  },
};

async function* answerEvents(rag: SmolRag, text: string, options: QueryOptions): Events {
  for await (const part of rag.stream(text, options)) {
    if (part.type === "references") yield { event: "references", data: part.references };
    else if (part.type === "text") yield { event: "text", data: part.text };
    else yield { event: "done", data: { result: part.answer.text, references: part.answer.references } };
  }
}

/** A report as it is told to callers: of errors that are the server's own affair, only their code. */
function told(report: IngestReport, refused: (error: unknown) => Refusal): object {
  const problems = (failures: IngestReport["failed"]) => failures.map(({ source, error }) => ({ source, error: refused(error).problem() }));
  return { ...report, failed: problems(report.failed), degraded: problems(report.degraded) };
}

/** Answers one request, whose path is that of an operation. */
export async function answer(request: Request, open: () => Promise<SmolRag>, failed: (error: unknown) => Refusal): Promise<Response> {
  const url = new URL(request.url);
  const found = match(request.method, url.pathname);
  if ("allowed" in found) throw new Refusal(404, "not-found", "There is nothing at this path");
  const { operation } = found;
  const asked: Asked = {
    parameters: parametersOf(found, url.searchParams),
    body: await bodyOf(operation, request),
    signal: request.signal,
    failed,
  };
  return HANDLERS[operation.id]!(await open(), asked);
}

function parametersOf({ operation, source }: Match, search: URLSearchParams): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const parameter of operation.parameters ?? []) {
    const value = parameter.in === "path" ? decoded(source!) : valueOf(parameter, search);
    if (value === undefined) continue;
    const wrong = fault(value, parameter.schema, parameter.name);
    if (wrong !== undefined) throw new Refusal(422, "invalid-argument", wrong);
    values[parameter.name] = parameter.schema.enum ? value !== "false" : value;
  }
  return values;
}

function valueOf({ name, schema }: Parameter, search: URLSearchParams): unknown {
  if (!search.has(name)) return undefined;
  if (schema.type === "array") return search.getAll(name);
  const value = search.get(name)!;
  return schema.type === "integer" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
}

function decoded(source: string): string {
  try {
    return decodeURIComponent(source);
  } catch {
    throw new Refusal(422, "invalid-argument", "source is not well encoded; use encodeURIComponent");
  }
}

async function bodyOf({ id, body }: Match["operation"], request: Request): Promise<unknown> {
  if (!body) return undefined;
  return body.type === "application/json" ? checkedBody(id, await request.text(), body.schema) : new Uint8Array(await request.arrayBuffer());
}

function checkedBody(operation: string, text: string, schema: NonNullable<Match["operation"]["body"]>["schema"]): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refusal(422, "invalid-argument", "the body is not JSON");
  }
  if (operation === "query") checkAsSmolRag(body);
  const wrong = fault(body, schema, "body");
  if (wrong !== undefined) throw new Refusal(422, "invalid-argument", wrong);
  return body;
}

/** The two things that SmolRAG itself looks at, in its words. */
function checkAsSmolRag(body: unknown): void {
  if (typeof body !== "object" || body === null) return;
  if ("text" in body && typeof body.text === "string" && body.text.trim() === "") {
    throw new Refusal(400, "invalid-argument", "Query text cannot be empty");
  }
  if ("query_type" in body && !QUERY_TYPES.includes(body.query_type as Mode)) {
    const given = typeof body.query_type === "string" ? body.query_type : JSON.stringify(body.query_type);
    throw new Refusal(400, "invalid-argument", `Invalid query_type: ${given.slice(0, 100)}. Valid types are: ${QUERY_TYPES.join(", ")}`);
  }
}
