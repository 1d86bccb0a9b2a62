import { BASE_NAME, OPERATIONS, PROBLEM, type Operation, type Reply } from "./operations.js";

/** The description of the API in OpenAPI 3.1, as it is served at `/openapi.json`. */
export function describe(origin: string): object {
  const paths: Record<string, Record<string, unknown>> = {
    "/healthz": { get: { operationId: "health", summary: "Whether the Worker answers.", security: [{}], responses: { 200: reply({ description: "It does.", schema: { type: "object", properties: { status: { type: "string" } }, required: ["status"] } }) } } },
    "/openapi.json": { get: { operationId: "describe", summary: "This description.", security: [{}], responses: { 200: reply({ description: "OpenAPI 3.1.", schema: { type: "object" } }) } } },
  };
  for (const [prefix, suffix] of [["", ""], ["/kb/{name}", "In"]] as const) {
    for (const operation of OPERATIONS) {
      const path = (paths[prefix + operation.path] ??= {});
      path[operation.method.toLowerCase()] = describeOperation(operation, prefix !== "", suffix);
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "SmolRAG", version: "1.0.0", description: "A knowledge base: documents in, cited answers out. Paths without `/kb/{name}` are those of the knowledge base `default`." },
    servers: [{ url: origin }],
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
  };
}

function describeOperation(operation: Operation, named: boolean, suffix: string): object {
  const { id, summary, scope, closed, parameters = [], body, replies } = operation;
  const name = { name: "name", in: "path", description: "The knowledge base.", schema: { type: "string", pattern: BASE_NAME } };
  return {
    operationId: id + suffix,
    summary,
    // Where reading is public, no token is as good as one.
    security: scope === "read" && !closed ? [{}, { token: [] }] : [{ token: [] }],
    parameters: [...(named ? [name] : []), ...parameters].map((parameter) => ({ ...parameter, required: parameter.in === "path" })),
    ...(body && { requestBody: { required: true, content: { [body.type]: { schema: body.schema } } } }),
    responses: { ...described(replies), ...described(refusals(operation, named)) },
  };
}

/** What may be refused, beside what an operation says of itself. */
function refusals({ body, parameters, replies }: Operation, named: boolean): Record<number, Reply> {
  const refused = (description: string): Reply => ({ description, schema: PROBLEM });
  return {
    ...(body && { 400: refused("What is asked makes no sense."), 413: refused("The body is too long.") }),
    401: refused("A token is missing, or is not known."),
    403: refused("The token does not allow this."),
    ...(named && !replies[404] && { 404: refused("There is no such knowledge base.") }),
    ...((body ?? parameters) && { 422: refused("The body or a parameter is not of the form described here.") }),
    429: refused("Too many requests; `Retry-After` says when to come again."),
    500: refused("A defect, or a model that failed."),
    503: refused("Too much waits; `Retry-After` says when to come again."),
    ...(body && { 409: refused("The knowledge base was made with another embedding model.") }),
    ...(body && { 507: refused("There is no room left.") }),
  };
}

function described(replies: Readonly<Record<number, Reply>>): Record<string, object> {
  return Object.fromEntries(Object.entries(replies).map(([status, each]) => [status, reply(each)]));
}

/** How a server-sent event is described: by its fields. */
const EVENT = {
  type: "object",
  properties: { event: { type: "string" }, data: { type: "string", contentMediaType: "application/json" } },
  required: ["event", "data"],
};

function reply({ description, schema, also, only }: Reply): object {
  const content = {
    ...(schema && { "application/json": { schema } }),
    ...(also !== undefined && { [also]: { schema: EVENT } }),
    ...(only !== undefined && { [only]: {} }),
  };
  return { description, content };
}
