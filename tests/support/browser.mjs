// A headless Chromium, and a page on which the package is importable by its name.
import { chromium } from "playwright-core";

import { chromium as executable } from "../../tools/browser.mjs";

export const flags = [
  // Root cannot use the sandbox; the others keep the browser from talking to anybody.
  "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run",
];

export function launch() {
  return chromium.launch({ executablePath: executable(), args: flags });
}
