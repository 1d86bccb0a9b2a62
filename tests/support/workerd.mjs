// A worker script in a real workerd.
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Miniflare } from "miniflare";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param {string} script path of the module from the root of the project */
export async function startWorker(script, options = {}) {
  const worker = new Miniflare({
    compatibilityDate: "2026-01-01",
    modules: true,
    modulesRoot: root,
    scriptPath: join(root, script),
    modulesRules: [
      { type: "ESModule", include: ["**/*.js", "**/*.mjs"] },
      { type: "CompiledWasm", include: ["**/*.wasm"] },
      { type: "Data", include: ["**/*.bin"] },
    ],
    ...options,
  });
  await worker.ready;
  return worker;
}
