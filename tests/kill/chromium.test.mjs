// Chromium is killed at random instants during ingests, updates and removals, its browser process and its renderers. What is
// there afterwards is what had resolved, and at most the one call that was under way, whole. KILLS says how often, SEED where to
// begin.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { chromium as executable } from "../../tools/browser.mjs";
import { dice } from "../contract/dice.mjs";
import { flags } from "../support/browser.mjs";
import { serve } from "../../tools/serve.mjs";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const kills = Number(process.env.KILLS ?? 12);
const seed = Number(process.env.SEED ?? Date.now() % 1e6);

let files;
let server;
let log;

before(async () => {
  files = await serve({ "/pkg/": folder("../../pkg"), "/": folder(".") });
  // Takes the page's word, and passes everything else on: the page must talk to its own origin.
  server = createServer(async (request, response) => {
    const [, kind, number] = /^\/log\/(\w+)\/(\d+)$/.exec(request.url) ?? [];
    if (kind) {
      log[kind] = Number(number);
      return void response.end();
    }
    const passed = await fetch(files.url + request.url);
    response.writeHead(passed.status, { "content-type": passed.headers.get("content-type") ?? "" });
    response.end(Buffer.from(await passed.arrayBuffer()));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

after(async () => {
  server?.closeAllConnections();
  server?.close();
  await files?.close();
});

/** A browser of our own making, so that its process is known; its children are in a group with it. */
async function start(profile) {
  const child = spawn(executable(), [
    "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${profile}`, ...flags, "about:blank",
  ], { stdio: "ignore", detached: true });
  const ended = once(child, "exit");
  for (let waited = 0; ; waited += 20) {
    try {
      const [port] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n");
      const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
      const [context] = browser.contexts();
      return { child, ended, browser, context };
    } catch (error) {
      if (waited > 20_000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function open({ context }) {
  // A page may get a renderer that was kept ready and has been killed, too.
  for (let tries = 0; ; tries += 1) {
    try {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}/chromium.html`);
      await page.waitForFunction(() => globalThis.look !== undefined);
      return page;
    } catch (error) {
      if (tries === 10) throw error;
      await wait(100);
    }
  }
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const ways = {
  async "the browser process"(session, profile) {
    session.child.kill("SIGKILL");
    await session.ended;
    rmSync(join(profile, "DevToolsActivePort"), { force: true });
    return start(profile);
  },
  async "the renderers"(session) {
    const inspector = await session.browser.newBrowserCDPSession();
    const { processInfo } = await inspector.send("SystemInfo.getProcessInfo");
    for (const { type, id } of processInfo) {
      if (type === "renderer") process.kill(id, "SIGKILL");
    }
    await inspector.detach();
    return session;
  },
};

for (const [what, kill] of Object.entries(ways)) {
  test(`${what}, ${kills} times (seed ${seed})`, { timeout: 60_000 + kills * 15_000 }, async () => {
    const profile = mkdtempSync(join(tmpdir(), "smolrag-kill-"));
    const random = dice(seed);
    const documents = {};
    let number = 0;
    let [done, between, inFlight] = [0, 0, 0];
    let session = await start(profile);
    try {
      for (let round = 0; round < kills; round += 1) {
        const page = await open(session);
        const steps = Array.from({ length: 60 }, () => {
          const source = `${random(8)}.md`;
          const text = random(4) === 0 ? null : `# Note ${(number += 1)}\n\nThe **Queue** of ${source} and the **Store** of note ${number}.\n\n${"More of it. ".repeat(random(400))}\n`;
          return { number: (number += 1), source, text };
        });
        log = { begun: 0, done: 0 };
        const working = page.evaluate((steps) => globalThis.work(steps), steps).catch(() => undefined);
        while (log.begun === 0) await wait(2);
        await wait(random(600));
        session = await kill(session, profile);
        await working;
        await page.close().catch(() => undefined);
        const { begun, done: resolved } = log;

        const looking = await open(session);
        const { texts, whole } = await looking.evaluate(() => globalThis.look());
        await looking.close();
        if (!whole) throw new Error(`round ${round}: what is stored is not what a fresh ingest of it gives`);
        const put = ({ source, text }) => {
          if (text === null) delete documents[source];
          else documents[source] = text;
        };
        const same = () => JSON.stringify(Object.entries(documents).sort()) === JSON.stringify(Object.entries(texts).sort());
        for (const step of steps) if (step.number <= resolved) put(step), (done += 1);
        const flying = steps.find((step) => step.number > resolved);
        if (same()) between += 1;
        else {
          if (!flying || flying.number !== begun) throw new Error(`round ${round}: call ${resolved} had resolved and is not there`);
          put(flying);
          inFlight += 1;
          if (!same()) throw new Error(`round ${round}: neither what was there at call ${resolved} nor at the one under way`);
        }
      }
      console.log(JSON.stringify({ what, kills, done, between, inFlight }));
      if (done === 0) throw new Error(`no call resolved in ${kills} rounds`);
    } finally {
      // Its children too: one that outlives it still writes to the profile that is removed here.
      process.kill(-session.child.pid, "SIGKILL");
      await session.ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    }
  });
}
