// Passages of documentation that ships in packages: paragraphs of the markdown and of the documentation comments that Cargo and
// npm have put on this machine, in an order that says nothing of where they come from.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cargo = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
const folders = [join(cargo, "registry/src"), fileURLToPath(new URL("../../node_modules", import.meta.url)), fileURLToPath(new URL("node_modules", import.meta.url))];

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (/\.(rs|md)$/.test(entry.name)) yield path;
  }
}

/** Markdown without its code; of a source file, what its documentation comments say. */
function prose(path) {
  const text = readFileSync(path, "utf8");
  const markdown = path.endsWith(".md") ? text : text.split("\n").map((line) => /^\s*\/\/[/!] ?(.*)$/.exec(line)?.[1] ?? "").join("\n");
  return markdown.replace(/^```[^]*?^```/gm, "");
}

/** At most so many distinct passages of 120 to 800 characters. */
export function passages(most) {
  const byHash = new Map();
  for (const folder of folders.filter((folder) => existsSync(folder))) {
    for (const path of files(folder)) {
      for (const paragraph of prose(path).split(/\n\s*\n/)) {
        const text = paragraph.replace(/\s+/g, " ").trim();
        if (text.length < 120 || text.length > 800) continue;
        byHash.set(createHash("md5").update(text).digest("hex"), text);
      }
    }
  }
  return [...byHash].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, most).map(([, text]) => text);
}
