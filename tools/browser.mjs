// Where the Chromium that the tests drive is: the one named by CHROMIUM, else the first installed one.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];

export function chromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not in this folder
      }
    }
  }
  throw new Error("no Chromium found: install one or set CHROMIUM to its path");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(chromium());
