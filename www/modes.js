// The five ways to look for an answer.
import { byId, element } from "./dom.js";

const modes = {
  mix: ["Passages and graph", "Passages close to the question, and what the knowledge graph holds about it. A good first choice."],
  standard: ["Passages", "Only the passages closest to the question. The knowledge graph is not asked."],
  local_kg: ["Particular things", "Entities that the question names, what surrounds them in the graph, and the passages that speak of them."],
  global_kg: ["Connections", "Relationships on the themes of the question, the entities they join, and their passages."],
  hybrid_kg: ["Things and connections", "Both ways through the graph: the named entities, and the relationships on the question's themes."],
};

/** Fills the select and keeps the explanation beside it. */
export function createModes() {
  const select = byId("mode");
  select.replaceChildren(...Object.entries(modes).map(([value, [label]]) => element("option", { value }, `${label} (${value})`)));
  const explain = () => {
    byId("mode-help").textContent = modes[select.value][1];
  };
  select.addEventListener("change", explain);
  explain();
}
