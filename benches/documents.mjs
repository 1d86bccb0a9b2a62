// Documents for benches that need many, made of paragraphs of the project's own documentation: the same in every run.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export function documents(count) {
  const docs = fileURLToPath(new URL("../docs", import.meta.url));
  const paragraphs = readdirSync(docs).filter((file) => file.endsWith(".md")).sort()
    .flatMap((file) => readFileSync(join(docs, file), "utf8").split("\n\n"))
    .filter((paragraph) => paragraph.length > 80 && !paragraph.includes("```"));
  let state = 7;
  const random = (below) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  return Array.from({ length: count }, (_, at) => ({
    source: `${String(at).padStart(5, "0")}.md`,
    text: `# Note ${at}\n\n${Array.from({ length: 6 }, () => paragraphs[random(paragraphs.length)]).join("\n\n")}\n`,
  }));
}
