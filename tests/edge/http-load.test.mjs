// Many requests at once: mixed queries, ingests among them, two hundred tenants, two isolates under one limit, a workerd
// that is killed in the middle.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { startHttpWorker, writer } from "../support/http-worker.mjs";

const TYPES = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const topics = ["Sencha", "Gyokuro", "Matcha", "Hojicha", "Bancha"];
const document = (index, revision = 0) => ({
  source: `${index}.md`,
  text: `# ${topics[index % 5]} ${index}\n\nThe **${topics[index % 5]}** of lot ${index} is number${index * 1000 + revision} in the list, and grows in Uji.`,
});

describe("one knowledge base", () => {
  let worker;
  const ask = async (text, query_type) => (await worker.json("POST", "/query", { body: { text, query_type } })).result;
  before(async () => {
    worker = await startHttpWorker();
    await worker.json("POST", "/documents", { body: { documents: times(20, document) } });
  });
  after(() => worker?.close());

  test("answers ten queries at once", async () => {
    const answers = await Promise.all(times(10, (index) => ask(`What number in the list is lot ${index}?`, "standard")));
    for (const [index, answer] of answers.entries()) assert.match(answer, new RegExp(`number${index * 1000}\\b`));
  });

  test("answers three of each type at once", async () => {
    const answers = await Promise.all(TYPES.flatMap((type) => times(3, (index) => ask(`What is known of ${topics[index]}?`, type))));
    for (const [index, answer] of answers.entries()) assert.match(answer, new RegExp(topics[index % 3]));
  });

  test("answers rapid fire, each request as if it were alone", async () => {
    const alone = await Promise.all(TYPES.map((type) => ask("Where does Sencha grow?", type)));
    const end = Date.now() + Number(process.env.RAPID_FIRE_SECONDS ?? 2) * 1000;
    let asked = 0;
    await Promise.all(times(8, async (lane) => {
      for (let index = lane; Date.now() < end; index += 1, asked += 1) {
        assert.equal(await ask("Where does Sencha grow?", TYPES[index % 5]), alone[index % 5]);
      }
    }));
    console.log(`${asked} queries`);
  });

  test("takes two hundred requests at once, ingests among them, and sees each document whole", async () => {
    const revisions = times(10, () => 0);
    await Promise.all(times(200, async (index) => {
      if (index % 4 === 0) {
        const [of, revision] = [(index / 4) % 10, Math.floor(index / 40) + 1];
        const report = await worker.json("POST", "/documents", { body: { documents: [document(of, revision)] } });
        assert.deepEqual(report.failed, []);
        revisions[of] = Math.max(revisions[of], revision);
      } else if (index % 20 === 1) {
        assert.equal((await worker.json("GET", "/documents")).documents.length, 20);
      } else {
        const of = index % 10;
        const answer = await ask(`What number in the list is lot ${of}?`, TYPES[index % 5]);
        assert.match(answer, new RegExp(`number(${times(6, (revision) => of * 1000 + revision).join("|")})\\b`));
      }
    }));
    const { documents } = await worker.json("GET", "/documents");
    assert.equal(documents.length, 20);
    const { queue } = await worker.json("GET", "/stats");
    assert.deepEqual([queue.refused, queue.writes.waiting + queue.writes.running + queue.reads.waiting], [0, 0]);
  });
});

test("two hundred tenants at once see nothing of each other", async () => {
  const worker = await startHttpWorker();
  try {
    const secret = (index) => `secret${String(index).padStart(3, "0")}`;
    const base = (index) => `/kb/tenant-${index}`;
    await Promise.all(times(200, (index) => worker.json("POST", `${base(index)}/documents`, {
      body: { documents: [{ source: `of-${index}.md`, text: `# Password\n\nThe **Password** of the Vault is ${secret(index)}.` }] },
    })));
    await Promise.all(times(200, async (index) => {
      const seen = [
        await worker.json("POST", `${base(index)}/query?references`, { body: { text: "What is the password of the vault?", query_type: TYPES[index % 5] } }),
        await worker.json("POST", `${base(index)}/query`, { body: { text: `Is it ${secret((index + 1) % 200)}?` } }),
        await worker.json("GET", `${base(index)}/documents`),
        await worker.json("GET", `${base(index)}/graph`),
        await worker.json("GET", `${base(index)}/stats`),
      ];
      // What was asked may be repeated, and is no leak.
      const others = JSON.stringify([seen[0], ...seen.slice(2)]).match(/secret\d{3}/g).concat(seen[1].result.match(/secret\d{3}/g) ?? []);
      assert.deepEqual([...new Set(others)], [secret(index)]);
      assert.deepEqual(seen[2].documents.map(({ source }) => source), [`of-${index}.md`]);
      assert.equal(seen[4].documents, 1);
    }));
    // Removing from one is not seen by its neighbours either; nor is a name a way out of its knowledge base.
    assert.equal((await worker.call("DELETE", `${base(1)}/documents/of-2.md`)).status, 404);
    assert.equal((await worker.json("GET", `${base(2)}/documents`)).documents.length, 1);
    for (const name of ["tenant-1%2Fdocuments", "..%2ftenant-1", "tenant-1%00", "tenant 1", "tenant-1;x", ".", "ténant", "a".repeat(65), "_x", ""]) {
      const response = await worker.call("GET", `/kb/${name}/documents`);
      assert.equal(response.status, 404, name);
      assert.doesNotMatch(await response.text(), /secret/);
    }
  } finally {
    await worker.close();
  }
});

test("a limit holds exactly over two isolates, whatever a client says of itself", async () => {
  const limits = { queries: 7, writes: 3, reads: 1000 };
  const one = await startHttpWorker({ limits });
  try {
    // A second Worker, in an isolate of its own, on the same objects.
    const { workerOptions } = await import("../../tools/worker.mjs");
    const same = { bindings: { OPTIONS: { tokens: [writer], limits } } };
    const two = (className) => ({ className, scriptName: "one", useSQLite: true });
    const shared = { ...workerOptions(one.out, same.bindings), durableObjectsPersist: undefined };
    await one.miniflare.setOptions({
      host: "127.0.0.1", port: 0, durableObjectsPersist: one.state,
      workers: [
        { ...shared, name: "one", routes: ["one.test/*"] },
        { ...shared, name: "two", routes: ["two.test/*"], durableObjects: { KNOWLEDGE_BASES: two("KnowledgeBase"), RATE_LIMITERS: two("RateLimiter") } },
      ],
    });
    let sent = 0;
    const ask = async (address, headers = {}, token) => {
      const response = await one.miniflare.dispatchFetch(`http://${sent++ % 2 ? "one" : "two"}.test/query`, {
        method: "POST", body: JSON.stringify({ text: "Sencha?" }),
        headers: { "cf-connecting-ip": address, ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      });
      await response.text();
      return response;
    };
    const statuses = async (requests) => {
      const counts = {};
      for (const { status } of await Promise.all(requests)) counts[status] = (counts[status] ?? 0) + 1;
      return counts;
    };
    // Each of them in less time than it takes one request to come back (60 / 7 seconds): else more than seven would be right.
    const started = Date.now();
    assert.deepEqual(await statuses(times(20, () => ask("192.0.2.1"))), { 200: 7, 429: 13 });
    const spoofed = times(10, (index) => ask("192.0.2.1", { "x-forwarded-for": `198.51.100.${index}`, "x-real-ip": `198.51.100.${index}`, "true-client-ip": `198.51.100.${index}`, "forwarded": `for=198.51.100.${index}` }));
    assert.deepEqual(await statuses(spoofed), { 429: 10 });
    console.log(`30 requests in ${Date.now() - started} ms`);
    // Others have quotas of their own: another address, another network, the holder of a token, another kind of request.
    assert.deepEqual(await statuses(times(8, () => ask("192.0.2.2"))), { 200: 7, 429: 1 });
    assert.deepEqual(await statuses(times(8, (index) => ask(`2001:db8::${index + 1}`))), { 200: 7, 429: 1 });
    assert.deepEqual(await statuses(times(8, (index) => ask(`192.0.2.${index + 1}`, {}, writer.token))), { 200: 7, 429: 1 });
    const refused = await ask("192.0.2.2");
    const wait = Number(refused.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 9, String(wait));
    assert.equal(refused.headers.get("ratelimit-policy"), '"queries";q=7;w=60');
    assert.match(refused.headers.get("ratelimit"), /^"queries";r=0;t=\d+$/);
    assert.deepEqual(["limit", "remaining"].map((name) => refused.headers.get(`ratelimit-${name}`)), ["7", "0"]);
    const write = () => one.miniflare.dispatchFetch("http://one.test/documents", {
      method: "POST", headers: { authorization: `Bearer ${writer.token}`, "cf-connecting-ip": "192.0.2.1" }, body: JSON.stringify({ documents: [] }),
    });
    assert.deepEqual(await statuses(times(5, write)), { 200: 3, 429: 2 });
  } finally {
    await one.close();
  }
});

test("a workerd that is killed in the middle loses nothing that it said was done", async () => {
  const state = await mkdtemp(join(tmpdir(), "smolrag-objects-"));
  let worker = await startHttpWorker({}, { state });
  try {
    const known = new Set();
    const ingest = async (index) => {
      const { ingested, updated, unchanged } = await worker.json("POST", "/documents", { body: { documents: [document(index)] } });
      for (const source of [...ingested, ...updated, ...unchanged]) known.add(source);
    };
    await ingest(0);
    const running = Promise.allSettled(times(120, ingest));
    while (known.size < 30) await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.kill();
    const outcomes = await running;
    assert.ok(outcomes.some(({ status }) => status === "rejected"), "it was killed too late");
    await worker.close().catch(() => undefined);

    worker = await startHttpWorker({}, { state });
    const { documents } = await worker.json("GET", "/documents");
    const sources = new Set(documents.map(({ source }) => source));
    assert.deepEqual([...known].filter((source) => !sources.has(source)), []);
    console.log(`${known.size} acknowledged, ${sources.size} there, of 120`);
    for (const { excerpts } of documents) assert.ok(excerpts > 0);
    const asked = [...known].slice(-1)[0].replace(".md", "");
    assert.match((await worker.json("POST", "/query", { body: { text: `What number in the list is lot ${asked}?` } })).result, new RegExp(`number${asked * 1000}\\b`));
    // What is left is ingested again, and it all is as if nothing had happened.
    await Promise.all(times(120, ingest));
    const fresh = await startHttpWorker();
    try {
      await fresh.json("POST", "/documents", { body: { documents: times(120, (index) => document(index)) } });
      for (const path of ["/documents", "/graph?limit=5000"]) assert.deepEqual(await worker.json("GET", path), await fresh.json("GET", path));
    } finally {
      await fresh.close();
    }
  } finally {
    await worker.close().catch(() => undefined);
    await rm(state, { recursive: true, force: true });
  }
});

test("requests are answered while others wait for a language model", async () => {
  // A model over HTTP that says nothing until it is told to.
  const held = [];
  let holding = false;
  const model = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { messages, stream } = JSON.parse(body);
    const system = messages.find(({ role }) => role === "system")?.content ?? "";
    const kind = system.includes("knowledge graph") ? "reading" : system.includes("You answer questions") ? "answer" : "other";
    const content = { reading: '("entity"<|>Sencha<|>tea<|>A tea.)<|COMPLETE|>', answer: "Steamed for forty seconds [1].", other: "Of tea." }[kind];
    if (holding) await new Promise((go) => held.push({ kind, go }));
    const choices = (part) => JSON.stringify({ choices: [{ index: 0, ...part }] });
    response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json" });
    response.end(stream
      ? `data: ${choices({ delta: { content } })}\n\ndata: ${choices({ delta: {}, finish_reason: "stop" })}\n\ndata: [DONE]\n\n`
      : choices({ message: { content }, finish_reason: "stop" }));
  });
  await new Promise((resolve) => model.listen(0, "127.0.0.1", resolve));
  const worker = await startHttpWorker({}, { bindings: { LLM: `http://127.0.0.1:${model.address().port}` } });
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  try {
    await worker.json("POST", "/documents", { body: { documents: [document(0)] } });
    holding = true;
    const order = [];
    const note = (name, promise) => promise.then((value) => (order.push(name), value));
    const waiting = Promise.all([
      note("ingest", worker.json("POST", "/documents", { body: { documents: [document(5)] } })),
      note("query", worker.json("POST", "/query", { body: { text: "What is known of Sencha?" } })),
    ]);
    // Seen below; if this fails before, what failed is not what they say then.
    waiting.catch(() => undefined);
    await until(() => held.some(({ kind }) => kind === "reading") && held.some(({ kind }) => kind === "answer"));
    // Both wait for the model; these do not.
    for (const path of ["/documents", "/graph", "/stats", "/healthz"]) await note(path, worker.json("GET", path));
    assert.equal((await worker.json("GET", "/documents")).documents.length, 1);
    assert.deepEqual(await worker.json("DELETE", "/documents/none").catch(({ message }) => /404/.test(message)), true);
    assert.deepEqual(order, ["/documents", "/graph", "/stats", "/healthz"]);
    holding = false;
    held.forEach(({ go }) => go());
    const [report, answer] = await waiting;
    assert.deepEqual(report.ingested, ["5.md"]);
    assert.match(answer.result, /forty seconds/);
    assert.equal((await worker.json("GET", "/documents")).documents.length, 2);
  } finally {
    await worker.close();
    model.closeAllConnections();
    model.close();
  }
});
