// The list of documents.
import { button, byId, element } from "./dom.js";
import { attempt, say } from "./notices.js";
import { bytes, count } from "./words.js";

/** Shows the documents and follows every commit. `open` is called with the source of one. */
export async function createLibrary(rag, { open }) {
  const list = byId("documents");
  const rows = new Map();

  const refresh = async () => {
    const documents = await rag.documents();
    const gone = new Set(rows.keys());
    let next = list.firstElementChild;
    for (const document of documents) {
      const row = rows.get(document.source) ?? createRow(document.source);
      row.detail.textContent = `${count(document.excerpts, "excerpt")} · ${bytes(document.bytes)}`;
      // Rows in place stay where they are, so that none loses the focus.
      if (row.item === next) next = next.nextElementSibling;
      else list.insertBefore(row.item, next);
      gone.delete(document.source);
    }
    for (const source of gone) {
      rows.get(source).item.remove();
      rows.delete(source);
    }
    byId("empty").hidden = documents.length > 0;
    byId("counts").textContent = documents.length === 0 ? "No documents yet." : counts(rag.stats());
  };

  const createRow = (source) => {
    const detail = element("span", { className: "hint" });
    const item = element("li", { "data-testid": "library-row" },
      element("span", { className: "document" },
        button(source, () => open(source), { className: "link source", "data-testid": "open-document" }), detail),
      button("Remove", () => attempt(`${source} could not be removed.`, () => remove(source)),
        { "data-testid": "remove", "aria-label": `Remove ${source}` }));
    rows.set(source, { item, detail });
    return rows.get(source);
  };

  const remove = async (source) => {
    const { item } = rows.get(source);
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    await rag.remove(source);
    await refresh();
    (neighbour?.querySelector("[data-testid=remove]") ?? byId("library-title")).focus();
    say(`Removed ${source}.`);
  };

  // Many commits may follow each other closely; one look after the first shows them all.
  let soon;
  const changed = () => {
    soon ??= setTimeout(() => {
      soon = undefined;
      attempt("The library could not be listed.", refresh);
    }, 150);
  };
  rag.on("commit", changed);
  rag.on("remote-commit", changed);
  await refresh();
}

function counts({ documents, excerpts, entities, relationships }) {
  return [
    count(documents, "document"), count(excerpts, "excerpt"),
    count(entities, "entity", "entities"), count(relationships, "relationship"),
  ].join(" · ");
}
