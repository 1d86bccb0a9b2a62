// The HTTP API in a real workerd, asked over a real socket.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { serveWorker } from "../../tools/worker.mjs";

const entry = fileURLToPath(new URL("../edge/http.worker.mjs", import.meta.url));

export const many = { queries: 1e6, reads: 1e6, writes: 1e6 };
export const writer = { token: "the-writer's-token", scopes: ["read", "write"] };

/** Options are those of `createWorker`; `bindings` and `miniflare` are further ones of the test's Worker and of Miniflare. */
export async function startHttpWorker(options = {}, { bindings = {}, miniflare = {}, state } = {}) {
  const folder = state ?? (await mkdtemp(join(tmpdir(), "smolrag-objects-")));
  const log = [];
  const worker = await serveWorker({
    entry, state: folder, bindings: { OPTIONS: { tokens: [writer], limits: many, ...options }, ...bindings },
    handleRuntimeStdio: (...streams) => {
      for (const stream of streams) stream.setEncoding("utf8").on("data", (text) => log.push(...text.split("\n").filter(Boolean)));
    },
    ...miniflare,
  });

  /** Sends a request; a body that is no string goes as JSON. The token is the writer's unless another is given. */
  const call = (method, path, { body, token = writer.token, headers = {}, signal } = {}) => fetch(worker.url + path, {
    method, signal,
    // workerd closes connections that idle for a few seconds; one that is chosen again just then fails.
    headers: { connection: "close", ...(token && { authorization: `Bearer ${token}` }), ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
  /** The same, where nothing but success is expected. */
  const json = async (method, path, more) => {
    const response = await call(method, path, more);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const close = async () => {
    await worker.close();
    if (!state) await rm(folder, { recursive: true, force: true });
  };
  /** Ends workerd as a crash would. */
  const kill = async () => {
    const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
    for (const pid of children.trim().split(/\s+/)) {
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
      if (name.trim() === "workerd") process.kill(Number(pid), "SIGKILL");
    }
  };
  return { ...worker, call, json, close, kill, log, state: folder };
}

/** The events of a stream, read to its end. */
export async function events(response) {
  const text = await response.text();
  return text.split("\n\n").filter(Boolean).map((block) => {
    const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block);
    return { event, data: JSON.parse(data) };
  });
}
