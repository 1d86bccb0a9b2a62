// Real documents: the project's own, and SmolRAG's where the shared folder is beside the repository.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env.SMOLRAG_SHARED ?? join(root, "../shared");

const folders = { "docs": join(root, "docs"), "smolrag-docs": join(shared, "data/smolrag-docs") };

/** Documents by corpus. One that is absent is left out, and that is said. */
export function corpora() {
  const found = {};
  for (const [name, folder] of Object.entries(folders)) {
    if (!existsSync(folder)) {
      console.log(`the corpus ${name} is left out: there is no ${folder} (SMOLRAG_SHARED names the shared folder)`);
      continue;
    }
    found[name] = readdirSync(folder).filter((file) => file.endsWith(".md")).sort()
      .map((source) => ({ source, text: readFileSync(join(folder, source), "utf8") }));
  }
  return found;
}
