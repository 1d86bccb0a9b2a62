// The text of an answer as elements: paragraphs, quotations, blocks of code, and its marks `[n]`.
//
// Just enough of markdown to read an answer well. Whatever else it holds stays as it is written.
import { element } from "./dom.js";

/**
 * @param {string} text may be unfinished
 * @param {(number: number) => Node | undefined} citation what stands in for the mark of a reference
 */
export function answerText(text, citation) {
  return blocks(text).map(({ kind, lines }) => {
    const content = lines.join("\n");
    if (kind === "code") return element("pre", {}, content);
    return element(kind === "quotation" ? "blockquote" : "p", {}, ...inline(content, citation));
  });
}

function blocks(text) {
  const found = [];
  let open;
  let fence;
  const add = (kind, line) => {
    if (open?.kind !== kind) found.push(open = { kind, lines: [] });
    open.lines.push(line);
  };
  for (const line of text.split("\n")) {
    if (fence) {
      if (line.trim() === fence) [open, fence] = [undefined, undefined];
      else add("code", line);
    } else if (/^\s*```/.test(line)) {
      [open, fence] = [undefined, /`+/.exec(line)[0]];
    } else if (line.trim() === "") {
      open = undefined;
    } else if (line.startsWith(">")) {
      add("quotation", line.replace(/^> ?/, ""));
    } else {
      add("paragraph", line);
    }
  }
  return found;
}

/** Text, and what stands in for its marks. Code within a line cites nothing. */
function inline(text, citation) {
  return text.split(/(`[^`\n]*`|\[\d+\])/).map((piece) => {
    const number = /^\[(\d+)\]$/.exec(piece)?.[1];
    return (number && citation(Number(number))) || piece;
  });
}
