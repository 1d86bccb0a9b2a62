// Serves a Worker in local workerd: `make worker PORT=8787 TOKEN=… LIMIT=10` runs the one in examples/worker, the tests
// import the rest. Bundled as wrangler does it, and with the objects that examples/worker/wrangler.jsonc declares.
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));

export const example = path("examples/worker/index.js");

/** Bundles a Worker that imports `smolrag` from pkg/ into a folder. */
export async function bundle(entry, folder) {
  const modules = join(folder, "node_modules");
  await mkdir(modules, { recursive: true });
  await symlink(path("pkg"), join(modules, "smolrag"));
  await build({
    entryPoints: { worker: entry }, outdir: join(folder, "out"), bundle: true, format: "esm", target: "es2024", logLevel: "warning",
    nodePaths: [modules], conditions: ["workerd"], external: ["cloudflare:*"],
    loader: { ".wasm": "copy", ".bin": "copy" }, assetNames: "[name]",
  });
  return join(folder, "out");
}

/** What Miniflare needs to know of a bundled Worker with the bindings of the template. */
export const workerOptions = (out, bindings) => ({
  compatibilityDate: "2026-01-01",
  modules: true,
  modulesRoot: out,
  scriptPath: join(out, "worker.js"),
  modulesRules: [
    { type: "ESModule", include: ["**/*.js"] },
    { type: "CompiledWasm", include: ["**/*.wasm"] },
    { type: "Data", include: ["**/*.bin"] },
  ],
  durableObjects: {
    KNOWLEDGE_BASES: { className: "KnowledgeBase", useSQLite: true },
    RATE_LIMITERS: { className: "RateLimiter", useSQLite: true },
  },
  bindings,
});

/**
 * A running Worker; `state` is the folder that its objects are kept in.
 * @returns {Promise<{ url: string, miniflare: Miniflare, out: string, close: () => Promise<void> }>}
 */
export async function serveWorker({ entry = example, port = 0, state, bindings = {}, ...options }) {
  const folder = await mkdtemp(join(tmpdir(), "smolrag-worker-"));
  const out = await bundle(entry, folder);
  const miniflare = new Miniflare({
    ...workerOptions(out, bindings), host: "127.0.0.1", port, durableObjectsPersist: state, ...options,
  });
  const url = (await miniflare.ready).origin;
  const close = async () => {
    await miniflare.dispose();
    await rm(folder, { recursive: true, force: true });
  };
  return { url, miniflare, out, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { TOKEN = "", STATE = path(".worker-state") } = process.env;
  const [port, LIMIT] = [Number(process.env.PORT || 8787), process.env.LIMIT || "10"];
  const { url, close } = await serveWorker({ port, state: STATE, bindings: { TOKEN, LIMIT } });
  console.log(`The Worker is at ${url}, its knowledge bases in ${STATE} (stop it with Ctrl+C)`);
  if (TOKEN === "") console.log("There is no TOKEN, so nobody can write.");
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => close().then(() => process.exit(0)));
}
