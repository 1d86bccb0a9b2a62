// Whether a change costs in proportion to its document and not to the knowledge base: counts the instructions of
// exchanging 20 documents in one of 100 and in one of 10,000, under Valgrind (`make bench-exchange`). The bar is 1.5.
import { execFileSync, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = execFileSync("cargo", ["bench", "--package", "smolrag-benches", "--bench", "exchange", "--no-run", "--message-format=json", "--quiet"], { cwd: root, maxBuffer: 1e9 });
const artifacts = built.toString().trim().split("\n").map((line) => JSON.parse(line));
const { executable } = artifacts.find(({ target, executable }) => target?.name === "exchange" && executable);

const counts = [100, 10_000].map((documents) => {
  const options = ["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=exchange::exchange*", "--callgrind-out-file=/dev/null"];
  const { stderr, stdout, status } = spawnSync("valgrind", [...options, executable, String(documents)], { encoding: "utf8" });
  const [, collected] = /Collected : (\d+)/.exec(stderr) ?? [];
  if (status !== 0 || !Number(collected)) throw new Error(stderr);
  console.log(`${documents} documents: ${(collected / 20).toLocaleString("en")} instructions an exchange; ${stdout.trim()}`);
  return Number(collected);
});
console.log(`ratio: ${(counts[1] / counts[0]).toFixed(2)}`);
