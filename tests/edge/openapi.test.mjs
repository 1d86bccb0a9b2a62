// The API does what its description says: schemathesis makes requests from the description, good and bad ones, and holds
// the answers against it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startHttpWorker, writer } from "../support/http-worker.mjs";

const cache = process.env.SMOLRAG_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "smolrag");
const config = fileURLToPath(new URL("schemathesis.toml", import.meta.url));

let worker;
let folder;
before(async () => {
  worker = await startHttpWorker();
  folder = await mkdtemp(join(tmpdir(), "smolrag-schemathesis-"));
});
after(async () => {
  await worker?.close();
  await rm(folder, { recursive: true, force: true });
});

function schemathesis(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(cache, "schemathesis/bin/schemathesis"), [`--config-file=${config}`, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => { output += text; });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

test("requests made from the description are answered as it says", async () => {
  const seed = process.env.SEED ?? String(Date.now() % 1e9);
  const examples = process.env.SCHEMATHESIS_EXAMPLES ?? "5";
  // The paths without /kb/{name} are the same operations; they have their turn in the long run.
  const paths = process.env.SCHEMATHESIS_EXAMPLES ? ".*" : "^/(kb/|healthz|openapi)";
  const { code, output } = await schemathesis(
    "run", `${worker.url}/openapi.json`, "--header", `Authorization: Bearer ${writer.token}`, "--max-examples", examples, "--seed", seed, "--include-path-regex", paths,
    "--continue-on-failure", "--no-color", "--generation-database", "none",
  );
  const [, generated] = /(\d+) generated/.exec(output) ?? [];
  console.log(`seed ${seed}, ${generated} requests`);
  assert.equal(code, 0, output);
  assert.ok(Number(generated) > 300, output);
  assert.deepEqual(worker.log.filter((line) => line.includes('"error"')), []);
});
