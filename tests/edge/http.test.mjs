// The HTTP API: its answers, its refusals, who may do what.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { events, startHttpWorker, writer } from "../support/http-worker.mjs";

const tea = "# Tea\n\nThe **Sencha** is steamed for forty seconds. Sencha comes from Uji, a town in Japan.";
const reader = { token: "the-reader's-token", scopes: ["read"], bases: ["closed"] };
const TYPES = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];

let worker;
before(async () => {
  worker = await startHttpWorker({
    tokens: [writer, reader, { token: "", scopes: ["read", "write"] }], origins: ["https://page.example"], bodyBytes: 100_000,
  });
  await worker.json("POST", "/documents", { body: { documents: [{ source: "tea.md", text: tea, metadata: { lang: "en" } }] } });
});
after(() => worker?.close());

describe("queries", () => {
  const ask = (body, path = "/query") => worker.call("POST", path, { body, token: null });
  const refused = async (body, status, detail) => {
    const response = await ask(body);
    assert.equal(response.status, status);
    assert.match((await response.json()).detail, detail);
  };

  test("answer in SmolRAG's shape, by every type and by default", async () => {
    for (const query_type of [undefined, ...TYPES]) {
      const response = await ask({ text: "How long is Sencha steamed?", query_type });
      assert.equal(response.status, 200);
      const answer = await response.json();
      assert.deepEqual(Object.keys(answer), ["result"]);
      assert.match(answer.result, /forty seconds/);
    }
  });

  test("are refused as SmolRAG refuses them", async () => {
    for (const text of ["", " \n "]) await refused({ text }, 400, /^Query text cannot be empty$/);
    for (const [query_type, said] of [["unknown", "unknown"], ["", ""], [null, "null"], [7, "7"]]) {
      const response = await ask({ text: "Sencha?", query_type });
      assert.equal(response.status, 400);
      assert.equal((await response.json()).detail, `Invalid query_type: ${said}. Valid types are: ${TYPES.join(", ")}`);
    }
    await refused("{", 422, /not JSON/);
    await refused("", 422, /not JSON/);
    await refused({}, 422, /body\.text is missing/);
    await refused({ text: 7 }, 422, /body\.text must be a string/);
    await refused([], 422, /body must be an object/);
    await refused({ text: "Sencha?", history: [{ role: "system", content: "" }] }, 422, /history\[0\]\.role must be one of/);
    await refused({ text: "x".repeat(300_000) }, 413, /more than/);
  });

  test("come with references when asked for", async () => {
    const { result, references } = await (await ask({ text: "How long is Sencha steamed?" }, "/query?references")).json();
    assert.match(result, /\[1\]/);
    const [{ source, text, start, end }] = references;
    assert.equal(source, "tea.md");
    assert.equal(tea.slice(start, end), text);
  });

  test("come in parts when asked for", async () => {
    const response = await ask({ text: "How long is Sencha steamed?", query_type: "mix" }, "/query?stream");
    assert.match(response.headers.get("content-type"), /^text\/event-stream/);
    const parts = await events(response);
    const last = parts.pop();
    assert.equal(last.event, "done");
    assert.equal(parts.filter(({ event }) => event === "text").map(({ data }) => data).join(""), last.data.result);
    assert.deepEqual(parts.filter(({ event }) => event === "references").pop().data, last.data.references);
  });

  test("take filter, history and sizes", async () => {
    const with_ = async (more) => (await (await ask({ text: "How long is Sencha steamed?", ...more }, "/query?references")).json()).references.length;
    assert.equal(await with_({ filter: { lang: "en" } }), 1);
    assert.equal(await with_({ filter: { lang: "ja" } }), 0);
    assert.equal(await with_({ top_k: 0 }), 0);
    assert.equal(await with_({ history: [{ role: "user", content: "Tell me of tea." }], max_tokens: 100 }), 1);
  });
});

describe("documents", () => {
  test("are added, updated, listed and removed", async () => {
    const path = "/kb/papers/documents";
    const add = (source, text) => worker.json("POST", path, { body: { documents: [{ source, text }] } });
    assert.deepEqual((await add("dir/a b.md", "One.")).ingested, ["dir/a b.md"]);
    assert.deepEqual((await add("dir/a b.md", "Two.")).updated, ["dir/a b.md"]);
    assert.deepEqual((await add("dir/a b.md", "Two.")).unchanged, ["dir/a b.md"]);
    const { documents } = await worker.json("GET", path);
    assert.deepEqual(documents.map(({ source, bytes }) => ({ source, bytes })), [{ source: "dir/a b.md", bytes: 4 }]);
    assert.deepEqual(await worker.json("DELETE", `${path}/${encodeURIComponent("dir/a b.md")}`), { removed: true });
    assert.equal((await worker.call("DELETE", `${path}/dir/a%20b.md`)).status, 404);
    assert.deepEqual(await worker.json("GET", path), { documents: [] });
  });

  test("tell how far they are", async () => {
    const body = { documents: ["a", "b"].map((source) => ({ source, text: `Of ${source}.` })) };
    const parts = await events(await worker.call("POST", "/kb/progress/documents?stream", { body }));
    const { event, data: { usage, ...report } } = parts.pop();
    assert.deepEqual([event, report], ["done", { ingested: ["a", "b"], updated: [], unchanged: [], failed: [], degraded: [] }]);
    assert.equal(usage.calls, 0);
    assert.deepEqual(new Set(parts.map(({ event, data }) => `${event} ${data.source}`)), new Set(["progress a", "progress b"]));
  });

  test("that are bad are refused and change nothing", async () => {
    const refused = async (documents, status) => {
      const response = await worker.call("POST", "/kb/bad/documents", { body: { documents } });
      assert.equal(response.status, status, JSON.stringify(documents).slice(0, 100));
    };
    const good = { source: "a", text: "Good." };
    await refused([good, { source: "a", text: "Twice." }], 400);
    await refused([good, { source: "\u0007", text: "x" }], 422);
    await refused([good, { source: "b", text: "" }], 422);
    await refused([good, { source: "b", text: "a NUL \0" }], 422);
    await refused([good, { source: "b", text: " \n" }], 400);
    await refused([good, { source: "b" }], 422);
    await refused([good, { source: "b", text: "x", metadata: { a: null } }], 422);
    await refused([good, { source: "b", text: "x".repeat(100_001) }], 413);
    await refused("all of them", 422);
    assert.deepEqual(await worker.json("GET", "/kb/bad/documents"), { documents: [] });
  });
});

test("the graph and the counts are there to see", async () => {
  const { nodes } = await worker.json("GET", "/graph?around=Sencha&around=Uji&depth=1&limit=10");
  assert.ok(nodes.some(({ name }) => name === "Sencha"));
  assert.deepEqual(await worker.json("GET", "/graph?limit=0"), { nodes: [], edges: [] });
  for (const bad of ["depth=x", "depth=-1", "limit=1.5", "limit=1e3", "depth="]) assert.equal((await worker.call("GET", `/graph?${bad}`)).status, 422, bad);
  const stats = await worker.json("GET", "/stats");
  assert.equal(stats.documents, 1);
  assert.deepEqual(await worker.json("GET", "/healthz"), { status: "ok" });
});

test("a snapshot is taken and put elsewhere", async () => {
  for (const token of [null, "wrong"]) assert.equal((await worker.call("GET", "/snapshot", { token })).status, 401);
  const response = await worker.call("GET", "/snapshot");
  assert.equal(response.headers.get("content-type"), "application/octet-stream");
  const file = new Uint8Array(await response.arrayBuffer());
  const put = (body, token) => worker.call("PUT", "/kb/copy/snapshot", { body, ...(token !== undefined && { token }), headers: { "content-type": "application/octet-stream" } });
  assert.equal((await put(file, null)).status, 401);
  await worker.json("POST", "/kb/copy/documents", { body: { documents: [{ source: "before.md", text: "Gone then." }] } });
  for (const bad of [file.subarray(1), file.map((byte, index) => (index === 100 ? byte ^ 1 : byte)), new Uint8Array(), "text"]) {
    const refused = await put(bad);
    assert.deepEqual([refused.status, (await refused.json()).code], [400, "snapshot-corrupt"]);
  }
  assert.deepEqual((await worker.json("GET", "/kb/copy/documents")).documents.map(({ source }) => source), ["before.md"]);
  assert.deepEqual(await (await put(file)).json(), { documents: 1 });
  for (const path of ["/documents", "/graph"]) assert.deepEqual(await worker.json("GET", `/kb/copy${path}`), await worker.json("GET", path));
  assert.match((await worker.json("POST", "/kb/copy/query", { body: { text: "How long is Sencha steamed?" } })).result, /forty seconds/);
  assert.equal((await put(new Uint8Array(100_001))).status, 413);
});

test("past the memory limit documents are refused, and all else goes on", async () => {
  const small = await startHttpWorker({}, { bindings: { LIMITS: { memory: 60_000 } } });
  try {
    const add = (index) => small.json("POST", "/documents", { body: { documents: [{ source: `${index}.md`, text: `# Lot ${index}\n\nThe **Sencha** of lot ${index} grows in Uji. ${`It is good ${index}. `.repeat(40)}` }] } });
    let full = 0;
    for (; full < 500; full += 1) {
      const { failed } = await add(full);
      if (failed.length === 0) continue;
      assert.equal(failed[0].error.code, "storage-quota");
      assert.match(failed[0].error.detail, /limits\.memory/);
      break;
    }
    assert.ok(full > 1 && full < 500, String(full));
    assert.equal((await small.json("GET", "/documents")).documents.length, full);
    assert.match((await small.json("POST", "/query", { body: { text: "Where does the Sencha of lot 0 grow?" } })).result, /Uji/);
    for (let index = 0; index < full; index += 1) await small.json("DELETE", `/documents/${index}.md`);
    assert.deepEqual((await add(0)).failed, []);
  } finally {
    await small.close();
  }
});

test("what is not there is said to be so", async () => {
  for (const path of ["/", "/nothing", "/kb", "/kb/x", "/kb/x/", "/kb/x/nothing", "/documents/", "/kb/x/healthz/y"]) {
    assert.equal((await worker.call("GET", path)).status, 404, path);
  }
  const response = await worker.call("PUT", "/query", { body: {} });
  assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST, OPTIONS"]);
});

describe("access", () => {
  const add = (token, base = "default") => worker.call("POST", `/kb/${base}/documents`, { token, body: { documents: [{ source: "x", text: "x" }] } });

  test("to writing needs a token that may", async () => {
    for (const token of [null, "wrong", "the-writer's-toke", "the-writer's-token-", ""]) {
      const response = await add(token);
      assert.equal(response.status, 401);
      assert.match(response.headers.get("www-authenticate"), /^Bearer/);
    }
    assert.equal((await add(reader.token, "closed")).status, 403);
    // A token that was left empty opens nothing.
    assert.equal((await worker.call("POST", "/documents", { token: null, headers: { authorization: "Bearer " }, body: { documents: [] } })).status, 401);
    assert.equal((await worker.call("DELETE", "/documents/tea.md", { token: null })).status, 401);
    assert.equal((await worker.json("GET", "/documents", { token: null })).documents.length, 1);
  });

  test("a wrong token is no better than none, for reading too", async () => {
    assert.equal((await worker.call("GET", "/documents", { token: "wrong" })).status, 401);
  });

  test("to reading needs a token where that is asked, of that knowledge base", async () => {
    const closed = await startHttpWorker({ tokens: [writer, reader], reading: "token", bases: ["closed", "other"] });
    try {
      const status = async (token, base) => (await closed.call("GET", `/kb/${base}/documents`, { token })).status;
      assert.deepEqual([await status(null, "closed"), await status(reader.token, "closed"), await status(reader.token, "other")], [401, 200, 403]);
      assert.equal(await status(writer.token, "third"), 404);
    } finally {
      await closed.close();
    }
  });

  test("nobody can write where no token is configured", async () => {
    const open = await startHttpWorker({ tokens: [] });
    try {
      for (const token of [null, "any", "undefined", "null"]) {
        assert.equal((await open.call("POST", "/documents", { token, body: { documents: [] } })).status, 401);
      }
    } finally {
      await open.close();
    }
  });

  test("from pages is for the listed origins", async () => {
    const from = (origin, method = "GET") => worker.call(method, "/stats", { token: null, headers: { origin } });
    const allowed = await from("https://page.example");
    assert.equal(allowed.headers.get("access-control-allow-origin"), "https://page.example");
    assert.match(allowed.headers.get("vary"), /origin/);
    const other = await from("https://page.example.evil.test");
    assert.deepEqual([other.status, other.headers.get("access-control-allow-origin")], [200, null]);
    const preflight = await from("https://page.example", "OPTIONS");
    assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-methods")], [204, "GET"]);
    assert.equal((await from("https://evil.test", "OPTIONS")).headers.get("access-control-allow-methods"), null);
  });
});

test("every answer names its request, and the log has no text of anybody", async () => {
  const given = await worker.call("GET", "/stats", { headers: { "x-request-id": "my-request.1" } });
  assert.equal(given.headers.get("x-request-id"), "my-request.1");
  const made = await worker.call("GET", "/nothing", { headers: { "x-request-id": "two words {}" } });
  assert.match(made.headers.get("x-request-id"), /^[0-9a-f-]{36}$/);
  await worker.call("POST", "/query", { body: { text: "the-secret-question" } });
  await worker.call("POST", "/query", { body: { text: "why?", query_type: "the-secret-type" } });
  await worker.call("DELETE", "/documents/the-secret-source");
  await worker.call("POST", "/kb/log/documents", { body: { documents: [{ source: "the-secret-source", text: "the-secret-text" }] } });
  // workerd has a few lines of its own to say.
  const found = () => worker.log.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  console.log(worker.log.filter((line) => !line.startsWith("{")).join("\n"));
  for (let tries = 0; tries < 100 && !found().some(({ base }) => base === "log"); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.doesNotMatch(worker.log.join("\n"), /secret|token|Sencha/);
  const entry = found().find(({ request }) => request === "my-request.1");
  assert.deepEqual({ ...entry, duration: 0 }, { level: "info", request: "my-request.1", method: "GET", route: "/stats", base: "default", status: 200, duration: 0 });
});
