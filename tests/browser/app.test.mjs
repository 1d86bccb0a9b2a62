// The web application, driven as a visitor drives it. Every test has a visitor of its own, with an
// empty browser profile.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { application, serve } from "../../tools/serve.mjs";
import { launch } from "../support/browser.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const samples = JSON.parse(readFileSync(path("../../docs/index.json"), "utf8"));
const modes = ["standard", "local_kg", "global_kg", "hybrid_kg", "mix"];
const shared = process.env.SMOLRAG_SHARED ?? path("../../../shared");
const smolragDocs = join(shared, "data/smolrag-docs");

let server;
let browser;

before(async () => {
  server = await serve(application);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A test with a visitor who has opened the page; whatever happens, nothing is asked of another origin. */
function visit(name, body, { options = {}, ...testOptions } = {}) {
  test(name, testOptions, async () => {
    const context = await browser.newContext(options);
    // The machine may be busy with other suites.
    context.setDefaultTimeout(60_000);
    try {
      const page = await context.newPage();
      const [requests, errors] = [[], []];
      page.on("request", (request) => requests.push(request.url()));
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("dialog", (dialog) => errors.push(`a dialog: ${dialog.message()}`));
      await page.goto(server.url);
      await opened(page);
      await body({ page, context, requests });
      deepEqual(requests.filter((url) => !url.startsWith(server.url)), []);
      deepEqual(errors, []);
    } finally {
      await context.close();
    }
  });
}

const opened = (page) => page.waitForSelector("html[data-state=ready]");
const at = (page, id) => page.getByTestId(id);
/** The text in the viewer. A dialog is filled before it is shown, so what it showed earlier is never read. */
const viewed = async (page) => {
  await at(page, "viewer").waitFor();
  return at(page, "viewer-text").textContent();
};
const dismiss = async (page, id) => {
  await page.keyboard.press("Escape");
  await at(page, id).waitFor({ state: "hidden" });
};
const sources = (page) => at(page, "open-document").allTextContents();
const file = (name, text, mimeType = "text/markdown") => ({ name, mimeType, buffer: Buffer.from(text) });

/** Does something that adds documents and gives the report. */
async function add(page, action) {
  await page.evaluate(() => document.getElementById("report").replaceChildren());
  await action();
  await page.waitForFunction(() => document.getElementById("report").childElementCount > 0);
  return at(page, "report").innerText();
}

const choose = (page, files) => add(page, () => at(page, "file-input").setInputFiles(files));

async function loadSamples(page) {
  const report = await add(page, () => at(page, "load-samples").click());
  match(report, new RegExp(`^Added ${samples.length} documents\\.$`));
  await shows(page, samples.length);
}

/** The library lists so many documents. */
const shows = (page, documents) => page.waitForFunction(
  (documents) => document.querySelectorAll("[data-testid=library-row]").length === documents, documents);

/** Drops files and folders by their paths on disk, as from a file manager. */
async function drop(page, paths) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await devtools.send("Input.dispatchDragEvent", { type, x: 200, y: 200, data });
  }
}

async function ask(page, question, mode) {
  await page.evaluate(() => document.getElementById("answer-note").replaceChildren());
  if (mode) await at(page, "mode").selectOption(mode);
  await at(page, "question").fill(question);
  await at(page, "question").press("Enter");
  await page.waitForFunction(() => document.getElementById("answer-note").textContent.startsWith("Answered"));
  return {
    text: await at(page, "answer").innerText(),
    references: await at(page, "reference-text").allTextContents(),
    sources: await at(page, "reference").allTextContents(),
  };
}

/** Follows the first `[n]` of the answer into its source and back by the keyboard. */
async function followReference(page, { references, sources }) {
  const mark = at(page, "reference-mark").first();
  const number = Number(/^\[(\d+)\]$/.exec(await mark.textContent())[1]);
  await mark.focus();
  await page.keyboard.press("Enter");
  await at(page, "mark").waitFor();
  equal(await at(page, "mark").textContent(), references[number - 1]);
  equal(await page.locator("#viewer-title").textContent(), sources[number - 1]);
  ok(await at(page, "mark").evaluate(isInSight), "the passage is not scrolled into view");
  const text = await viewed(page);
  await dismiss(page, "viewer");
  ok(await mark.evaluate((node) => node === document.activeElement), "the focus does not return to the reference");
  return { source: sources[number - 1], text };
}

function isInSight(mark) {
  const [inner, outer] = [mark.getBoundingClientRect(), mark.parentElement.getBoundingClientRect()];
  return inner.bottom > outer.top && inner.top < outer.bottom && inner.height > 0;
}

visit("an empty library says what to do", async ({ page }) => {
  ok(await at(page, "empty").isVisible());
  match(await at(page, "empty").innerText(), /nothing leaves your machine/);
  const { references, text } = await ask(page, "What is in here?");
  deepEqual(references, []);
  ok(text.length > 0);
});

visit("the sample documents answer in all five modes, with references into their sources", async ({ page }) => {
  await loadSamples(page);
  deepEqual(await sources(page), samples.map(({ path }) => `docs/${path}`).sort());
  ok(!(await at(page, "empty").isVisible()));
  for (const mode of modes) {
    const answer = await ask(page, "What happens when too many calls wait in the request queue?", mode);
    ok(answer.text.length > 0 && answer.references.length > 0, `${mode} cites nothing`);
    const { source, text } = await followReference(page, answer);
    equal(text, readFileSync(path(`../../${source}`), "utf8"));
    equal(await at(page, "entity-button").count() > 0, mode !== "standard", `${mode}: entities`);
  }
});

visit("an entity shows its mentions and its neighbours", async ({ page }) => {
  await loadSamples(page);
  await ask(page, "What does the request queue do?", "local_kg");
  const related = page.locator("li").filter({ has: at(page, "entity-button"), hasNotText: /rank 0(?!\d)/ }).first();
  const name = await related.getByTestId("entity-button").textContent();
  await related.getByTestId("entity-button").click();
  await at(page, "entity").waitFor();
  equal(await page.locator("#entity-title").textContent(), name);
  await at(page, "mention").first().click();
  await at(page, "viewer").waitFor();
  const mention = await at(page, "mention").first().textContent();
  equal(mention, `${await page.locator("#viewer-title").textContent()}\n${await at(page, "mark").textContent()}`);
  await dismiss(page, "viewer");
  const neighbour = await at(page, "neighbour").first().textContent();
  await at(page, "neighbour").first().click();
  await page.waitForFunction((name) => document.getElementById("entity-title").textContent === name, neighbour);
  await dismiss(page, "entity");
});

visit("a reload keeps the library, and nothing is ingested again", async ({ page, requests }) => {
  await loadSamples(page);
  const question = "Where are documents kept in the browser?";
  const before = [await sources(page), await at(page, "counts").textContent(), await ask(page, question, "mix")];
  requests.length = 0;
  await page.reload();
  await opened(page);
  deepEqual([await sources(page), await at(page, "counts").textContent(), await ask(page, question, "mix")], before);
  deepEqual(requests.filter((url) => url.includes("/docs/")), []);
  ok(!(await at(page, "progress").isVisible()));
  const report = await add(page, () => at(page, "load-samples").click());
  equal(report, `${samples.length} documents unchanged.`);
});

visit("a removed document is gone, also after a reload", async ({ page }) => {
  await choose(page, [file("tea.md", "# Tea\n\nSencha is a steamed green tea."), file("rain.md", "# Rain\n\nRain falls from clouds.")]);
  await shows(page, 2);
  ok((await ask(page, "What is sencha?")).sources.includes("tea.md"));
  await page.getByRole("button", { name: "Remove tea.md" }).click();
  await shows(page, 1);
  await at(page, "status").filter({ hasText: /^Removed tea\.md\.$/ }).waitFor({ state: "attached" });
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "Remove rain.md");
  ok(!(await ask(page, "What is sencha?")).sources.includes("tea.md"));
  await page.reload();
  await opened(page);
  deepEqual(await sources(page), ["rain.md"]);
});

visit("document text never becomes markup", async ({ page }) => {
  const attack = "<img src=x onerror=\"window.attacked = 1\"><script>window.attacked = 2</script>";
  const name = "<img src=x onerror=window.attacked=3>.md";
  await choose(page, [
    file(name, `# Weasels ${attack}\n\nThe **weasel ${attack}** steals eggs. ${attack}\n`),
    file("attack.html", `<h1 onclick="window.attacked = 4">Stoats</h1>${attack}<p>The stoat steals &lt;script&gt;eggs&lt;/script&gt;.</p><iframe srcdoc="<script>parent.attacked = 5</script>"></iframe>`, "text/html"),
  ]);
  await shows(page, 2);
  for (const mode of modes) {
    const { references } = await ask(page, "What does the weasel steal?", mode);
    ok(mode !== "standard" || references.some((text) => text.includes(attack)));
    equal(await page.locator("body :is(img, script, iframe)").count(), 0, mode);
  }
  await at(page, "open-document").filter({ hasText: name }).click();
  match(await viewed(page), /onerror="window\.attacked = 1"/);
  await dismiss(page, "viewer");
  await at(page, "open-document").filter({ hasText: "attack.html" }).click();
  equal(await viewed(page), "# Stoats\n\nThe stoat steals <script>eggs</script>.");
  equal(await page.locator("body :is(img, script, iframe)").count(), 0);
  equal(await page.evaluate(() => window.attacked), undefined);
});

visit("HTML is read as text with its headings, lists, code and tables", async ({ page }) => {
  const html = `<!doctype html><title>Not shown</title><style>p { color: red }</style>
    <h1>Tea
      kinds</h1><p>Green <em>and</em> <b>black </b>tea,<br>see <code>brew()</code>.</p>
    <ul><li>one</li><li><p>two</p><ol start="3"><li>inner</li></ol></li></ul>
    <pre class="language-js">let cup = 1;\n  pour(cup);\n</pre>
    <table><tr><th>Kind</th><th>Minutes</th></tr><tr><td>Sencha</td><td>1|2</td></tr></table>
    <blockquote><p>Wait.</p></blockquote>last`;
  await choose(page, [file("tea.html", html, "text/html")]);
  await at(page, "open-document").click();
  equal(await viewed(page), [
    "# Tea kinds",
    "Green and **black** tea,\nsee `brew()`.",
    "- one\n- two\n\n  3. inner",
    "```js\nlet cup = 1;\n  pour(cup);\n```",
    "| Kind | Minutes |\n| --- | --- |\n| Sencha | 1\\|2 |",
    "> Wait.",
    "last",
  ].join("\n\n"));
});

visit("what cannot be read is named, the rest is added", async ({ page }) => {
  const report = await choose(page, [
    file("good.md", "# Good\n\nSome text."), file("blank.txt", " \n", "text/plain"), file("picture.png", "x", "image/png"),
  ]);
  match(report, /Added 1 document\./);
  match(report, /1 document failed:\s+blank\.txt: .*\(invalid-argument\)/);
  match(report, /Skipped 1 file.*\s+picture\.png/);
  const second = await choose(page, [file("good.md", "# Good\n\nOther text.")]);
  equal(second, "Updated 1 document.");
});

visit("cancelling keeps what was saved and adds nothing more", async ({ page, context }) => {
  const held = samples.at(-1).path;
  let release;
  const cancelled = new Promise((resolve) => { release = resolve; });
  await context.route(`**/docs/${held}`, async (route) => {
    await cancelled;
    await route.continue();
  });
  const report = await add(page, async () => {
    await at(page, "load-samples").click();
    const others = `${samples.length - 1} of ${samples.length} documents done`;
    await page.waitForFunction((text) => document.getElementById("progress-summary").textContent === text, others);
    await at(page, "cancel").click();
    release();
  });
  match(report, new RegExp(`^Added ${samples.length - 1} documents\\. Cancelled before 1 document was done`));
  await shows(page, samples.length - 1);
  ok(!(await sources(page)).includes(`docs/${held}`));
});

visit("a dropped folder is opened, and its files are known by their paths", async ({ page }) => {
  const root = mkdtempSync(join(tmpdir(), "smolrag-drop-"));
  try {
    const files = { "notes/tea.md": "# Tea\n\nSencha.", "notes/deep/er/rain.txt": "Rain falls.", "notes/.git/x.md": "private", "notes/a.png": "x", "sun.mdx": "# Sun\n\nShines." };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    const report = await add(page, () => drop(page, [join(root, "notes"), join(root, "sun.mdx")]));
    match(report, /^Added 3 documents\./);
    match(report, /Skipped 1 file.*\s+notes\/a\.png/);
    await shows(page, 3);
    deepEqual(await sources(page), ["notes/deep/er/rain.txt", "notes/tea.md", "sun.mdx"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

visit("SmolRAG's own documents, dropped, answer in all five modes", async ({ page }) => {
  const names = readdirSync(smolragDocs).filter((name) => name.endsWith(".md"));
  equal(names.length, 13);
  const report = await add(page, () => drop(page, names.map((name) => join(smolragDocs, name))));
  equal(report, "Added 13 documents.");
  await shows(page, 13);
  for (const mode of modes) {
    const answer = await ask(page, "How are documents split into excerpts?", mode);
    ok(answer.references.length > 0, `${mode} cites nothing`);
    const { source, text } = await followReference(page, answer);
    equal(text, readFileSync(join(smolragDocs, source), "utf8"));
  }
}, { skip: existsSync(smolragDocs) ? false : `${smolragDocs} is not there; SMOLRAG_SHARED names the folder that holds data/smolrag-docs` });

visit("Shift+Enter starts a new line and does not ask", async ({ page }) => {
  await at(page, "question").fill("one");
  await at(page, "question").press("Shift+Enter");
  equal(await at(page, "question").inputValue(), "one\n");
  ok(!(await at(page, "result").isVisible()));
});

visit("fits 360 pixels", async ({ page }) => {
  await choose(page, [file(`${"a-long-name-".repeat(12)}.md`, `# ${"Verylongword".repeat(12)}\n\nThe queue holds ${"x".repeat(300)}.`)]);
  await shows(page, 1);
  await ask(page, "What does the queue hold?");
  equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
}, { options: { viewport: { width: 360, height: 740 } } });

test("a package that does not load is said plainly", async () => {
  const context = await browser.newContext();
  try {
    await context.route("**/pkg/wasm/*.wasm", (route) => route.abort());
    const page = await context.newPage();
    await page.goto(server.url);
    await page.waitForSelector("html[data-state=failed]");
    match(await at(page, "alert").innerText(), /The knowledge base could not be opened\.[^]*\(internal\)/);
    ok(await page.locator("main").evaluate((main) => main.inert));
  } finally {
    await context.close();
  }
});
