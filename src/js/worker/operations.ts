// Every operation of the HTTP API, once: routing, validation, access, limits and the OpenAPI description are all read from here.
import type { Schema } from "./schema.js";
import type { Scope } from "./tokens.js";

/** SmolRAG's names of the ways to answer, in its order. */
export const QUERY_TYPES = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"] as const;

/** What a knowledge base may be called. */
export const BASE_NAME = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";

/** Which quota of a client an operation is taken from. */
export type Policy = "queries" | "reads" | "writes";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly description: string;
  readonly schema: Schema;
}

export interface Reply {
  readonly description: string;
  readonly schema?: Schema;
  /** Another form than JSON, by its media type. */
  readonly also?: string;
  /** That form alone. */
  readonly only?: string;
}

export interface Operation {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly summary: string;
  readonly scope: Scope;
  /** It wants a token even where reading is public. */
  readonly closed?: boolean;
  readonly policy: Policy;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly schema: Schema; readonly type: string; readonly limit: "small" | "large" };
  readonly replies: Readonly<Record<number, Reply>>;
}

const text = (description: string, more: Partial<Schema> = {}): Schema => ({ type: "string", description, ...more });
const count = (description: string): Schema => ({ type: "integer", minimum: 0, description });
const amount = (description: string): Schema => ({ type: "number", description });
const list = (items: Schema, description = ""): Schema => ({ type: "array", items, ...(description && { description }) });
const object = (properties: Record<string, Schema>, required = Object.keys(properties)): Schema => ({ type: "object", properties, required });

const SCALAR: Schema = { anyOf: [{ type: "string" }, { type: "number" }, { type: "boolean" }], description: "a string, a number or a boolean" };
const METADATA: Schema = {
  type: "object",
  description: "Strings, numbers, booleans and arrays of these, by name.",
  additionalProperties: {
    anyOf: [...SCALAR.anyOf!, { type: "array", items: SCALAR }],
    description: "a string, a number, a boolean or an array of these",
  },
};
const SOURCE = text("What the document is known by.", { minLength: 1, maxLength: 1024, pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" });
const REFERENCE = object({
  source: text("The document."),
  excerptId: text("The excerpt."),
  text: text("The source's slice(start, end)."),
  start: count("In UTF-16 units."),
  end: count("In UTF-16 units."),
  score: amount("By fused ranks."),
});
const FLAG: Schema = { type: "string", enum: ["", "true", "false"] };
const flag = (name: string, description: string): Parameter => ({ name, in: "query", description, schema: FLAG });
const calls = object({
  waiting: count("Not started."), running: count("Under way."), committing: count("Holding the turn to commit."),
  done: count("Ended."), cancelled: count("Given up."),
});
const cache = object({
  entries: count("Kept."), bytes: count("Held."), hits: count("Answered."), misses: count("Asked of the model."),
  joined: count("Waited for an equal call."), evictions: count("Dropped."), flying: count("On their way."),
});

/** What every refusal says. */
export const PROBLEM: Schema = {
  ...object({ detail: text("What was wrong, and what to do."), code: text("A word that does not change between versions.") }),
};

const EVENTS = "text/event-stream";
const SNAPSHOT = "application/octet-stream";

export const OPERATIONS: readonly Operation[] = [
  {
    id: "query", method: "POST", path: "/query", scope: "read", policy: "queries",
    summary: "Answers a question from the documents.",
    parameters: [
      flag("stream", "The answer in parts, as server-sent events: `references`, `text`, then `done` with the whole, or `error`."),
      flag("references", "With the passages that the marks `[n]` in the result mean."),
    ],
    body: {
      type: "application/json", limit: "small",
      schema: object({
        text: text("The question.", { minLength: 1, pattern: "\\S" }),
        query_type: { type: "string", enum: QUERY_TYPES, default: "standard", description: "How to look for the answer." },
        history: list(object({
          role: { type: "string", enum: ["user", "assistant"] },
          content: text("What was said."),
        }), "The conversation so far, oldest turn first."),
        top_k: { type: "integer", minimum: 0, maximum: 1000, description: "The most excerpts; default 5." },
        max_tokens: { type: "integer", minimum: 0, maximum: 1_000_000, description: "Of excerpts, entities and relationships each; default 4000." },
        filter: METADATA,
      }, ["text"]),
    },
    replies: {
      200: {
        description: "The answer.", also: EVENTS,
        schema: object({ result: text("With marks `[n]`."), references: list(REFERENCE, "With `?references` alone.") }, ["result"]),
      },
    },
  },
  {
    id: "listDocuments", method: "GET", path: "/documents", scope: "read", policy: "reads",
    summary: "The documents, by source.",
    replies: {
      200: {
        description: "What is there.",
        schema: object({
          documents: list(object({
            source: text("What it is known by."), revision: text("Changes when it does."), excerpts: count("How many."),
            entities: count("How many it describes."), relationships: count("How many it describes."),
            bytes: count("Of its text in UTF-8."), metadata: METADATA,
          })),
        }),
      },
    },
  },
  {
    id: "ingest", method: "POST", path: "/documents", scope: "write", policy: "writes",
    summary: "Adds documents and updates those whose source is known, each in one commit.",
    parameters: [flag("stream", "How far it is, as server-sent events: `progress`, then `done` with the report, or `error`.")],
    body: {
      type: "application/json", limit: "large",
      schema: object({
        documents: {
          type: "array", maxItems: 1000,
          items: object({
            source: SOURCE,
            text: text("All of it: not blank, without NUL.", { minLength: 1, pattern: "^[^\\u0000]*$" }),
            metadata: METADATA,
          }, ["source", "text"]),
        },
      }),
    },
    replies: {
      200: {
        description: "What became of each document.", also: EVENTS,
        schema: object({
          ingested: list(text("A new source.")), updated: list(text("A known source.")), unchanged: list(text("Nothing to do.")),
          failed: list(object({ source: text("Its earlier version stands."), error: PROBLEM })),
          degraded: list(object({ source: text("It is there."), error: PROBLEM })),
          usage: object({
            calls: count("Of the language model."), promptTokens: count("It was asked with."), completionTokens: count("It answered with."),
            embeddingCalls: count("Of the embedding model."), embeddingTokens: count("It was given."), rerankCalls: count("Of the reranker."),
            estimated: { type: "boolean", description: "Whether some were counted here, because a provider did not tell." },
          }),
        }),
      },
    },
  },
  {
    id: "removeDocument", method: "DELETE", path: "/documents/{source}", scope: "write", policy: "writes",
    summary: "Removes a document and all that it added.",
    parameters: [{ name: "source", in: "path", description: "The document.", schema: SOURCE }],
    replies: {
      200: { description: "It is gone.", schema: object({ removed: { type: "boolean" } }) },
      404: { description: "There is no such document.", schema: PROBLEM },
    },
  },
  {
    id: "graph", method: "GET", path: "/graph", scope: "read", policy: "reads",
    summary: "A part of the graph, for drawing: around entities, or of the most connected ones.",
    parameters: [
      { name: "around", in: "query", description: "Names of entities; may come several times.", schema: list(text("A name.")) },
      { name: "depth", in: "query", description: "Steps from there; default 1.", schema: { type: "integer", minimum: 0, maximum: 16 } },
      { name: "limit", in: "query", description: "The most nodes; default 500.", schema: { type: "integer", minimum: 0, maximum: 5000 } },
    ],
    replies: {
      200: {
        description: "Nodes, and the edges between them.",
        schema: object({
          nodes: list(object({ name: text("Its name."), category: text("What it is."), description: text("A line each."), rank: count("Its degree.") })),
          edges: list(object({
            source: text("One end."), target: text("The other end."), description: text("A line each."),
            keywords: text("Themes, comma separated."), weight: amount("The sum over its mentions."),
          })),
        }),
      },
    },
  },
  {
    id: "stats", method: "GET", path: "/stats", scope: "read", policy: "reads",
    summary: "Counts, as they are now.",
    replies: {
      200: {
        description: "Counts.",
        schema: object({
          epoch: count("Commits so far."), documents: count(""), excerpts: count(""), entities: count(""), relationships: count(""),
          vectors: count(""), bytes: count("Of memory, estimated."), cache: object({ completions: cache, embeddings: cache }),
          queue: object({ reads: calls, writes: calls, refused: count("For want of room.") }),
        }),
      },
    },
  },
  {
    id: "exportSnapshot", method: "GET", path: "/snapshot", scope: "read", closed: true, policy: "writes",
    summary: "All documents with their texts and vectors as one file.",
    replies: { 200: { description: "The snapshot.", only: SNAPSHOT } },
  },
  {
    id: "importSnapshot", method: "PUT", path: "/snapshot", scope: "write", policy: "writes",
    summary: "Puts a snapshot in the place of everything that is there, in one commit.",
    body: { type: SNAPSHOT, limit: "large", schema: { type: "string", contentMediaType: SNAPSHOT } },
    replies: { 200: { description: "It is there.", schema: object({ documents: count("How many.") }) } },
  },
];

/** A route with what the path says. */
export interface Match {
  readonly operation: Operation;
  /** The path parameter, still encoded. */
  readonly source: string | undefined;
}

/** The operation of a path; if there is none, the methods that the path knows. */
export function match(method: string, path: string): Match | { readonly allowed: string[] } {
  const [route, source] = path.startsWith("/documents/") && path.length > 11 ? ["/documents/{source}", path.slice(11)] : [path, undefined];
  const here = OPERATIONS.filter((operation) => operation.path === route);
  const operation = here.find((candidate) => candidate.method === method);
  return operation ? { operation, source } : { allowed: here.map((candidate) => candidate.method) };
}
