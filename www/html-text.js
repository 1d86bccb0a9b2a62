// HTML as plain text with markdown's marks, so that offsets refer to what the viewer shows.
//
// The markup is parsed into a document without a window: no script of it runs, no image of it is
// loaded, and nothing but text comes out.

const dropped = "script, style, template, noscript, iframe, object, embed, svg, math, canvas, audio, video, head, [hidden]";
const blocks = "address, article, aside, blockquote, body, center, dd, details, dialog, div, dl, dt, fieldset, figcaption, "
  + "figure, footer, form, h1, h2, h3, h4, h5, h6, header, hgroup, hr, li, main, menu, nav, ol, p, pre, search, section, "
  + "summary, table, tbody, td, tfoot, th, thead, tr, ul";

// The page's policy lets no other place turn a string into markup.
const inert = globalThis.trustedTypes?.createPolicy("inert-html", { createHTML: (html) => html })
  ?? { createHTML: (html) => html };

/** The text of an HTML page: headings, lists, code and tables as in markdown, blank lines between blocks. */
export function htmlToText(html) {
  const page = new DOMParser().parseFromString(inert.createHTML(html), "text/html");
  const title = page.querySelector("title")?.textContent.replace(/\s+/g, " ").trim();
  for (const node of page.querySelectorAll(dropped)) node.remove();
  const body = blocksOf(page.body);
  const text = page.body.querySelector("h1") || !title ? body : [`# ${title}`, ...body];
  return text.join("\n\n");
}

/** The blocks inside an element, each as text. Runs of inline content are blocks of their own. */
function blocksOf(parent) {
  const found = [];
  let run = [];
  const endRun = () => {
    const text = inline(run);
    if (text) found.push(text);
    run = [];
  };
  for (const node of parent.childNodes) {
    if (isBlock(node)) {
      endRun();
      found.push(...block(node));
    } else {
      run.push(node);
    }
  }
  endRun();
  return found;
}

function isBlock(node) {
  return node instanceof Element && (node.matches(blocks) || node.querySelector(blocks) !== null);
}

function block(node) {
  const tag = node.localName;
  if (/^h[1-6]$/.test(tag)) {
    const text = inline(node.childNodes).replace(/\n/g, " ");
    return text ? [`${"#".repeat(Number(tag[1]))} ${text}`] : [];
  }
  switch (tag) {
    case "pre": return fence(node);
    case "ul": case "ol": case "menu": return list(node);
    case "blockquote": return [indent(blocksOf(node).join("\n\n"), "> ")].filter(Boolean);
    case "table": return table(node);
    case "hr": return ["---"];
    default: return blocksOf(node);
  }
}

function fence(pre) {
  for (const lineBreak of pre.querySelectorAll("br")) lineBreak.replaceWith("\n");
  const code = pre.textContent.replace(/\r\n?/g, "\n").replace(/^\n|\s+$/g, "");
  if (!code.trim()) return [];
  const language = /\blang(?:uage)?-([\w+#-]+)/.exec(`${pre.className} ${pre.querySelector("code")?.className ?? ""}`)?.[1] ?? "";
  // Longer than any run of backticks inside.
  const longest = Math.max(2, ...(code.match(/`+/g) ?? []).map((run) => run.length));
  const marks = "`".repeat(longest + 1);
  return [`${marks}${language}\n${code}\n${marks}`];
}

function list(node) {
  let number = Number(node.getAttribute("start") ?? 1);
  const items = [];
  for (const child of node.children) {
    const text = blocksOf(child).join("\n\n");
    if (!text) continue;
    const marker = node.localName === "ol" ? `${number}. ` : "- ";
    number += 1;
    items.push(marker + indent(text, " ".repeat(marker.length)).trimStart());
  }
  return items.length > 0 ? [items.join("\n")] : [];
}

function table(node) {
  const rows = [...node.rows].map((row) => [...row.cells].map((cell) => blocksOf(cell).join(" ").replace(/\n/g, " ").replace(/\|/g, "\\|")));
  const filled = rows.filter((cells) => cells.some(Boolean));
  if (filled.length === 0) return [];
  const [head, ...rest] = filled.map((cells) => `| ${cells.join(" | ")} |`);
  const rule = `|${filled[0].map(() => " --- |").join("")}`;
  const caption = node.caption ? blocksOf(node.caption) : [];
  return [...caption, [head, rule, ...rest].join("\n")];
}

function indent(text, by) {
  return text.split("\n").map((line) => (line ? by + line : by.trimEnd())).join("\n");
}

/** Inline content as one paragraph: white space collapsed, `<br>` as a line break. */
function inline(nodes) {
  return [...nodes].map(inlineNode).join("").replace(/ *\n */g, "\n").replace(/ {2,}/g, " ").trim();
}

function inlineNode(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data.replace(/\s+/g, " ");
  if (!(node instanceof Element)) return "";
  switch (node.localName) {
    case "br": return "\n";
    case "img": return node.getAttribute("alt") ?? "";
    case "code": case "kbd": case "samp": case "tt": return marked(node.textContent.replace(/\s+/g, " "), "`");
    case "b": case "strong": return marked([...node.childNodes].map(inlineNode).join(""), "**");
    default: return [...node.childNodes].map(inlineNode).join("");
  }
}

/** Marks around the text, the white space at its ends outside of them. */
function marked(text, mark) {
  const inner = text.trim();
  return inner && !inner.includes(mark) ? text.replace(inner, () => mark + inner + mark) : text;
}
