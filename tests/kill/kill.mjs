// A host that writes is killed at random instants. What is there afterwards is what had resolved, and at most the one
// commit that was under way, whole; held against a plain map and a fresh knowledge base of its documents.
import assert from "node:assert/strict";

import { dice } from "../contract/dice.mjs";

const names = ["Request Queue", "Vector Index", "Commit Log", "Rate Limiter", "Merge Ledger", "Excerpt Cache"];

/** The next write: an ingest that is new or an update, or a removal. */
function nextWrite(roll, number) {
  const source = `${roll(8)}.md`;
  if (roll(4) === 0) return { method: "remove", parameters: [source], source, text: undefined };
  const sentence = () => `The **${names[roll(6)]}** serves the **${names[roll(6)]}** in version ${number}.`;
  const text = Array.from({ length: 1 + roll(roll(5) === 0 ? 400 : 20) }, sentence).join("\n\n");
  return { method: "ingest", parameters: [[{ source, text }]], source, text };
}

function apply(documents, { source, text }) {
  const next = new Map(documents);
  if (text === undefined) next.delete(source);
  else next.set(source, text);
  return next;
}

const counts = ({ documents, excerpts, entities, relationships, vectors }) => ({ documents, excerpts, entities, relationships, vectors });

/** What can be asked of a knowledge base. */
async function stateOf(call) {
  const sources = (await call("documents")).map(({ source }) => source);
  const texts = new Map();
  for (const source of sources) texts.set(source, await call("text", source));
  return { texts, rest: [await call("graph", { limit: 1000 }), counts(await call("stats"))] };
}

const sorted = (texts) => [...texts].sort();

/**
 * @param start starts the host, on what was there before, and gives `{ call(method, ...parameters), kill(), close() }`.
 *   `call` is of the open knowledge base and rejects, or stays pending, once the host is killed; `kill` ends it with SIGKILL
 * @param fresh opens an empty knowledge base in memory, with the models of the host
 */
export async function killing({ start, fresh, kills = Number(process.env.KILLS ?? 12), seed = Number(process.env.SEED ?? Date.now() % 2 ** 32) }) {
  console.log(`seed ${seed}`);
  const roll = dice(seed);
  let documents = new Map();
  let writes = 0;
  const seen = { kills: 0, resolved: 0, inFlightThere: 0, inFlightNotThere: 0 };
  let host = await start();
  // How long a write takes here, so that instants are spread over one.
  let duration = 20;
  for (; seen.kills < kills; seen.kills += 1) {
    const calm = roll(10);
    let write;
    let killed = false;
    const writing = (async () => {
      for (;;) {
        write = nextWrite(roll, (writes += 1));
        const began = performance.now();
        const outcome = await host.call(write.method, ...write.parameters);
        if (write.method === "ingest") assert.deepEqual(outcome.failed, []);
        duration = 0.8 * duration + 0.2 * (performance.now() - began);
        documents = apply(documents, write);
        seen.resolved += 1;
        write = undefined;
      }
    })().catch((error) => {
      if (!killed) throw error;
    });
    const instant = duration * calm + (duration * roll(1000)) / 500;
    await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, instant))]);
    killed = true;
    await host.kill();
    // A reply that was under way may still come in.
    await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 50))]);

    host = await start();
    const what = `seed ${seed}, kill ${seen.kills}, killed during ${write?.method} of ${write?.source}`;
    const { texts, rest } = await stateOf(host.call);
    if (write && JSON.stringify(sorted(texts)) === JSON.stringify(sorted(apply(documents, write)))) {
      // Writing what is there already changes nothing that can be seen.
      if (JSON.stringify(sorted(texts)) !== JSON.stringify(sorted(documents))) seen.inFlightThere += 1;
      documents = apply(documents, write);
    } else {
      if (write) seen.inFlightNotThere += 1;
      assert.deepEqual(sorted(texts), sorted(documents), what);
    }
    const again = await fresh();
    if (documents.size > 0) await again.ingest([...documents].map(([source, text]) => ({ source, text })));
    assert.deepEqual(rest, (await stateOf(async (method, ...parameters) => again[method](...parameters))).rest, what);
    await again.close();
  }
  await host.close();
  console.log(JSON.stringify(seen));
  return seen;
}
