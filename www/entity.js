// One entity of the knowledge graph: what is said of it, its neighbours, where it is mentioned.
import { button, byId, element } from "./dom.js";
import { attempt } from "./notices.js";
import { count } from "./words.js";

/** More than these of one kind are counted, not shown. */
const most = 100;

/** Returns what opens an entity by its name; `openSource` opens a passage. */
export function createEntity(rag, openSource) {
  const open = async (name) => {
    const entity = await rag.entity(name);
    if (!entity) throw new Error(`${name} is not in the knowledge graph any more`);
    const texts = await passages(rag, entity.mentions);
    byId("entity-title").textContent = entity.name;
    byId("entity-body").replaceChildren(
      element("p", { className: "hint" }, kind(entity)),
      ...entity.descriptions.filter(Boolean).map((description) => element("p", {}, description)),
      ...section("Neighbours", "neighbours", entity.neighbours, (neighbour) =>
        button(neighbour, () => attempt("The entity could not be shown.", () => open(neighbour)), { "data-testid": "neighbour" })),
      ...section("Mentions", "mentions", texts, (passage) =>
        button([passage.source, passage.text].join("\n"), () => attempt("The source could not be opened.", () => openSource(passage.source, passage)),
          { className: "passage", "data-testid": "mention" })),
    );
    const dialog = byId("entity");
    if (!dialog.open) dialog.showModal();
    byId("entity-title").focus();
    dialog.scrollTop = 0;
  };
  return open;
}

/** "feature · rank 4" */
export function kind({ category, rank }) {
  return [category, `rank ${rank}`].filter(Boolean).join(" · ");
}

function section(title, className, items, show) {
  if (items.length === 0) return [];
  const list = element("ul", { className: `plain ${className}` }, ...items.slice(0, most).map((item) => element("li", {}, show(item))));
  const more = items.length > most ? [element("p", { className: "hint" }, `and ${count(items.length - most, "more", "more")}`)] : [];
  return [element("h3", {}, title), list, ...more];
}

/** The passages of the mentions, each once, with their texts. */
async function passages(rag, mentions) {
  const texts = new Map();
  const found = new Map();
  for (const { source, start, end } of mentions) {
    if (!texts.has(source)) texts.set(source, (await rag.text(source)) ?? "");
    found.set(`${source}\0${start}`, { source, start, end, text: texts.get(source).slice(start, end) });
  }
  return [...found.values()];
}
