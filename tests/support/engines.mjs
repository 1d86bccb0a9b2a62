// The three browser engines behind one small driver. In each: `launchEngine(name)` gives `{ open(url), close() }`, a page has
// `evaluate(function, argument)` and `close()`. Functions go over as their source, arguments and results as JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

import { launch } from "./browser.mjs";

export const engines = ["chromium", "firefox", "webkit"];

export function launchEngine(name) {
  return { chromium, firefox, webkit }[name]();
}

async function chromium() {
  const browser = await launch();
  // Pages share what is stored, as tabs do.
  const context = await browser.newContext();
  return {
    async open(url) {
      const page = await context.newPage();
      await page.goto(url);
      return { evaluate: (run, argument) => page.evaluate(run, argument), close: () => page.close() };
    },
    close: () => browser.close(),
  };
}

async function firefox() {
  const puppeteer = await import("puppeteer-core");
  const browser = await puppeteer.launch({
    browser: "firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", headless: true, protocolTimeout: 600_000,
  });
  return {
    async open(url) {
      const page = await browser.newPage();
      await page.goto(url);
      return { evaluate: (run, argument) => page.evaluate(run, argument), close: () => page.close() };
    },
    close: () => browser.close(),
  };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A display without a screen: WebKitGTK has no other way of being headless. */
async function startDisplay() {
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const failed = once(server, "error").then(([error]) => Promise.reject(error));
  const [number] = await Promise.race([once(server.stdio[3], "data"), failed]);
  return { name: `:${String(number).trim()}`, close: () => server.kill() };
}

/** WebKitGTK, what is nearest to Safari on Linux, by plain WebDriver. */
async function webkit() {
  const display = await startDisplay();
  const port = await freePort();
  // A group of its own, so that the browser ends with its driver.
  const driver = spawn("WebKitWebDriver", [`--port=${port}`], {
    stdio: "ignore", detached: true,
    env: { ...process.env, DISPLAY: display.name, GDK_BACKEND: "x11", WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", WEBKIT_DISABLE_COMPOSITING_MODE: "1", NO_AT_BRIDGE: "1" },
  });
  const ended = once(driver, "exit");
  const send = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebDriver ${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  };
  const close = async () => {
    try {
      process.kill(-driver.pid);
      await ended;
    } catch {
      // ended by itself
    }
    display.close();
  };
  let session;
  try {
    for (let tries = 0; ; tries += 1) {
      if (await send("GET", "/status").then(() => true, () => false)) break;
      if (tries === 100) throw new Error("WebKitWebDriver does not answer");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const binary = process.env.MINIBROWSER ?? `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/webkit2gtk-4.1/MiniBrowser`;
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: ["--automation"] } } };
    session = `/session/${(await send("POST", "/session", { capabilities })).sessionId}`;
  } catch (error) {
    await close();
    throw error;
  }

  // A session talks to one page at a time, so no command waits for what a page does: scripts leave their outcome in the page.
  let turn = Promise.resolve();
  const inPage = (handle, work) => {
    const result = turn.then(async () => {
      await send("POST", `${session}/window`, { handle });
      return work();
    });
    turn = result.catch(() => undefined);
    return result;
  };
  const script = (handle, text) => inPage(handle, () => send("POST", `${session}/execute/sync`, { script: text, args: [] }));
  let calls = 0;
  const page = (handle) => ({
    async evaluate(run, argument) {
      const id = (calls += 1);
      await script(handle, `
        const outcomes = (globalThis.outcomes ??= {});
        const given = ${JSON.stringify(argument) ?? "undefined"};
        Promise.resolve().then(() => (${run})(given)).then(
          (value) => (outcomes[${id}] = { value: JSON.stringify(value) }),
          (error) => (outcomes[${id}] = { error: String(error?.message ?? error) + "\\n" + String(error?.stack ?? "") }),
        );`);
      for (let wait = 5; ; wait = Math.min(2 * wait, 200)) {
        const outcome = await script(handle, `const outcome = globalThis.outcomes[${id}]; delete globalThis.outcomes[${id}]; return outcome ?? null;`);
        if (outcome?.error !== undefined) throw new Error(outcome.error);
        if (outcome) return outcome.value === undefined ? undefined : JSON.parse(outcome.value);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    },
    close: () => inPage(handle, () => send("DELETE", `${session}/window`)),
  });
  const first = await send("GET", `${session}/window`);
  let pages = 0;
  return {
    async open(url) {
      const handle = (pages += 1) === 1 ? first : (await send("POST", `${session}/window/new`, { type: "tab" })).handle;
      await inPage(handle, () => send("POST", `${session}/url`, { url }));
      return page(handle);
    },
    async close() {
      await send("DELETE", session).catch(() => undefined);
      await close();
    },
  };
}
