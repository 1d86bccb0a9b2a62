// Runs every suite and adds up what each reported. A suite that reports nothing has failed.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const cargo = {
  command: "cargo",
  // Each test binary closes with such a line.
  counts: /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed/gm,
};
const nodeTest = {
  command: process.execPath,
  counts: /^# pass (?<passed>\d+)\n(?:# \w+ \d+\n)*?# fail (?<failed>\d+)$/gm,
};
const lint = { command: "cargo", counts: undefined };

const suites = [
  { name: "formatting", ...lint, args: ["fmt", "--check"] },
  { name: "lint, core", ...lint, args: ["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"] },
  { name: "lint, wasm", ...lint, args: ["clippy", "--quiet", "--lib", "--target", "wasm32-unknown-unknown", "--", "-D", "warnings"] },
  { name: "core", ...cargo, args: ["test", "--quiet"] },
  // Only the tests that say so run in wasm: those that the rest rests on.
  { name: "core, wasm", ...cargo, args: ["test", "--target", "wasm32-unknown-unknown", "--test", "store", "--test", "engine"] },
  ...["node", "browser", "edge", "engines", "kill"].map((host) => ({
    name: host, ...nodeTest, args: ["--test", "--test-reporter=tap", `tests/${host}/`],
  })),
];

function run({ command, args }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (part) => {
      output += part;
      process.stdout.write(part);
    });
    child.on("error", (error) => resolve({ code: 1, output: String(error) }));
    child.on("close", (code) => resolve({ code, output }));
  });
}

function count({ counts }, { code, output }) {
  if (!counts) return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  let passed = 0;
  let failed = 0;
  for (const { groups } of output.matchAll(counts)) {
    passed += Number(groups.passed);
    failed += Number(groups.failed);
  }
  // Died, or ran nothing, without counting a failure.
  if (failed === 0 && (code !== 0 || passed === 0)) failed = 1;
  return { passed, failed };
}

const only = process.argv.slice(2);
const total = { passed: 0, failed: 0 };
const lines = [];
for (const suite of suites) {
  if (only.length > 0 && !only.includes(suite.name)) continue;
  console.log(`\n== ${suite.name}`);
  const started = Date.now();
  const { passed, failed } = count(suite, await run(suite));
  lines.push(`${suite.name}: ${passed} passed, ${failed} failed (${Math.round((Date.now() - started) / 1000)} s)`);
  total.passed += passed;
  total.failed += failed;
}
console.log(`\n${lines.join("\n")}\n`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
