// The source of a passage, with the passage marked.
import { byId, element } from "./dom.js";

/** Returns what opens a source, at a passage `{ text, start, end, headings? }` where one is given. */
export function createViewer(rag) {
  return async (source, passage) => {
    const text = await rag.text(source);
    if (text === undefined) throw new Error(`${source} is not in the library any more`);
    // The document may have been updated since the answer was given.
    const stands = passage && (passage.text === undefined || text.slice(passage.start, passage.end) === passage.text);
    byId("viewer-title").textContent = source;
    byId("viewer-note").textContent = passage && !stands
      ? "The document has changed since this passage was cited."
      : (passage?.headings ?? []).join(" › ");
    byId("viewer-text").replaceChildren(...(stands ? marked(text, passage) : [text]));
    const dialog = byId("viewer");
    if (!dialog.open) dialog.showModal();
    byId("viewer-text").scrollTop = 0;
    dialog.querySelector("mark")?.scrollIntoView({ block: "center" });
  };
}

function marked(text, { start, end }) {
  return [
    text.slice(0, start),
    element("mark", { "data-testid": "mark" }, text.slice(start, end)),
    text.slice(end),
  ];
}
