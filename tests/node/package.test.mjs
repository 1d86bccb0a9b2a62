// The package as its users get it: packed, installed into another project, imported by its name.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pkg = join(root, "pkg");
let project;

const run = (command, ...args) => execFileSync(command, args, { cwd: project, encoding: "utf8" });

before(() => {
  project = mkdtempSync(join(tmpdir(), "smolrag-user-"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  const [{ filename }] = JSON.parse(run("npm", "pack", pkg, "--json", "--loglevel=error"));
  run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", join(project, filename));
});

after(() => rmSync(project, { recursive: true, force: true }));

test("runs in Node by its name", () => {
  writeFileSync(join(project, "ask.mjs"), `
    import { SmolRag } from "smolrag";
    import { fileStorage } from "smolrag/node";
    const rag = await SmolRag.open({ storage: fileStorage("data") });
    await rag.ingest([{ source: "a.md", text: "The request queue holds 1024 calls." }]);
    console.log((await rag.query("How many calls does the queue hold?")).references[0].text);
    await rag.close();
  `);
  assert.match(run("node", "ask.mjs"), /1024/);
});

test("its types hold under strict settings", () => {
  writeFileSync(join(project, "user.ts"), `
    import { durableObjectStorage, SmolRag, SmolRagError, type Answer, type LanguageModel, type StorageAdapter } from "smolrag";
    import { storageConformance, type ConformanceCase } from "smolrag/storage-conformance";
    export const cases: ConformanceCase[] = storageConformance(() => durableObjectStorage(objectStorage));
    // As @cloudflare/workers-types declares it.
    declare const objectStorage: {
      sql: { exec<T extends Record<string, ArrayBuffer | string | number | null>>(query: string, ...bindings: unknown[]): {
        toArray(): T[]; raw<U extends (ArrayBuffer | string | number | null)[]>(): IterableIterator<U>; readonly rowsRead: number;
      }; readonly databaseSize: number };
      transactionSync<T>(closure: () => T): T; sync(): Promise<void>;
    };
    const llm: LanguageModel = { id: "mine", complete: ({ prompt }) => Promise.resolve(prompt) };
    export async function ask(storage: StorageAdapter): Promise<Answer | string> {
      const rag = await SmolRag.open({ name: "x", storage, llm });
      rag.on("commit", ({ epoch }) => console.log(epoch.toFixed()));
      for await (const part of rag.stream("?", { mode: "mix" })) if (part.type === "done") return part.answer;
      // @ts-expect-error there is no such mode
      await rag.query("?", { mode: "telepathy" }).catch((error: unknown) => error instanceof SmolRagError && error.code);
      return (await rag.entity("x"))?.name ?? "";
    }
  `);
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false", "--target", "es2022",
    "--module", "nodenext", "--lib", "es2023,dom,dom.iterable,esnext.disposable", "--types", ""];
  run(join(root, "node_modules/.bin/tsc"), ...options, "user.ts");
});

test("its declarations say any nowhere", () => {
  const declarations = readdirSync(pkg, { recursive: true })
    .filter((name) => name.endsWith(".d.ts") && !name.startsWith("wasm/"));
  assert.ok(declarations.includes("index.d.ts"));
  for (const name of declarations) assert.doesNotMatch(readFileSync(join(pkg, name), "utf8"), /[:<|&(,]\s*any\b/, name);
});

test("bundles for the browser without losing its set-up", async () => {
  writeFileSync(join(project, "page.mjs"), 'import { SmolRag } from "smolrag"; globalThis.open = () => SmolRag.open();');
  const { outputFiles } = await build({
    entryPoints: [join(project, "page.mjs")], bundle: true, format: "esm", platform: "browser", write: false, logLevel: "silent",
  });
  assert.match(outputFiles[0].text, /smolrag_bg\.wasm/);
  assert.doesNotMatch(outputFiles[0].text, /node:fs/);
});

test("carries its licence, its notice and nothing of the build", () => {
  const files = readdirSync(join(project, "node_modules/smolrag"), { recursive: true }).map(String);
  for (const needed of ["LICENSE", "NOTICE", "README.md", "embedding.bin", "wasm/smolrag_bg.wasm"]) assert.ok(files.includes(needed), needed);
  assert.ok(!files.some((name) => name.endsWith(".rs") || name.startsWith("src")));
});
