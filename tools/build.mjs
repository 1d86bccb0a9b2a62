// Builds the npm package into pkg/: the core to wasm, the hand-written entries beside it, the
// manifest completed from pkg.json. Prints the size of the wasm and fails past the budget.
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { named } from "./function-names.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const pkg = join(root, "pkg");
const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: "inherit" });

function compileCore() {
  run("cargo", "build", "--quiet", "--release", "--package", "smolrag", "--lib", "--target", "wasm32-unknown-unknown",
    // Panics name the files they come from: those of dependencies without the builder's home directory. What is inlined is
    // short, also where Rust marks it: up to 75 instead of the usual 325 is 18 kB less, for a fiftieth of the time.
    "--config", `target.wasm32-unknown-unknown.rustflags = ["--remap-path-prefix=${cargoHome}/registry/src=", "-Cllvm-args=-inline-threshold=50 -inlinehint-threshold=75"]`);
  const built = join(process.env.CARGO_TARGET_DIR, "wasm32-unknown-unknown/release/smolrag.wasm");
  run("wasm-bindgen", built, "--target", "web", "--omit-default-module-path", "--out-dir", join(pkg, "wasm"), "--out-name", "smolrag");
  bindingsAsFunction(join(pkg, "wasm/smolrag"));
  const wasm = join(pkg, "wasm/smolrag_bg.wasm");
  // The features are those that rustc emits; wasm-opt must be told of each.
  const features = ["simd", "bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"];
  const optimise = (...options) => run("wasm-opt", ...options, ...features.map((feature) => `--enable-${feature}`), wasm, "-o", wasm);
  // For speed, as what it makes of code that was compiled for size is not larger once compressed, and faster by a thirtieth.
  optimise("-O3", "--converge", "--low-memory-unused", "--debuginfo",
    // A function that is not inlined into its only caller is found again by gzip, as is one that
    // stands beside its like: together a tenth of the compressed size.
    "--one-caller-inline-max-function-size", "0");
  writeFileSync(wasm, named(readFileSync(wasm)));
  // The level is that of what is done while a module is written.
  optimise("--reorder-functions-by-name", "--optimize-level=3");
  return wasm;
}

// The generated module holds one instance of the wasm. As a function, it gives each instance bindings of its own, and
// lets src/js/instance.ts stand between the two by giving it another `WebAssembly`, signals and timers that it can end,
// the host's way to slice work, and who closes databases.
function bindingsAsFunction(path) {
  const text = readFileSync(`${path}.js`, "utf8");
  const names = [...text.matchAll(/^export class (\w+)/gm)].map(([, name]) => name).concat("initSync");
  const body = text.replace(/^export (?=class|function)/gm, "").replace(/^export \{ initSync, .*\};$/m, `return { ${names.join(", ")} };`);
  if (/^(import|export)\b|import\.meta/m.test(body)) throw new Error(`${path}.js is not in the form that is expected of wasm-bindgen`);
  writeFileSync(`${path}.js`, `export function instantiate(WebAssembly, CallController, setTimeout, clearTimeout, yieldToHost, databaseOpened, databaseClosed) {\n${body}}\n`);
  const types = names.map((name) => `  ${name}: typeof ${name};\n`).join("");
  appendFileSync(`${path}.d.ts`, `\nexport interface Bindings {\n${types}}\nexport function instantiate(WebAssembly: object, CallController: unknown, setTimeout: unknown, clearTimeout: unknown, yieldToHost: () => Promise<void>, databaseOpened: (database: IDBDatabase) => void, databaseClosed: (database: IDBDatabase) => void): Bindings;\n`);
}

function completeManifest() {
  const manifest = JSON.parse(readFileSync(join(root, "pkg.json"), "utf8"));
  const version = /^version = "(.+)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
  writeFileSync(join(pkg, "package.json"), JSON.stringify({ name: manifest.name, version, ...manifest }, null, 2) + "\n");
}

function reportSize(wasm) {
  const bytes = readFileSync(wasm);
  const size = { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
  const budget = JSON.parse(readFileSync(join(root, "tools/size-budget.json"), "utf8"));
  console.log(`wasm: ${size.raw} bytes, ${size.gzip} gzip, ${size.brotli} brotli (budget: ${budget.gzip} gzip)`);
  if (size.gzip > budget.gzip) throw new Error(`the wasm is ${size.gzip - budget.gzip} bytes over its gzip budget (tools/size-budget.json)`);
}

rmSync(pkg, { recursive: true, force: true });
mkdirSync(pkg);
const wasm = compileCore();
run("tsc", "--project", "tsconfig.json");
completeManifest();
const shipped = ["README.md", "LICENSE", "assets/embedding.bin", "assets/NOTICE", "assets/LICENSE.embedding"];
for (const file of shipped) cpSync(join(root, file), join(pkg, basename(file)));
reportSize(wasm);
