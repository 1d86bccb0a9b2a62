// A question and its answer: text as it comes, references, and what the graph gave.
import { answerText } from "./answer-text.js";
import { button, byId, element } from "./dom.js";
import { kind } from "./entity.js";
import { clearComplaint, complain } from "./notices.js";
import { count, isCancelled, milliseconds } from "./words.js";

/** Wires the form. `openSource` opens a passage in its source, `openEntity` an entity by name. */
export function createAsk(rag, { openSource, openEntity }) {
  const [form, question] = [byId("ask-form"), byId("question")];
  let current = new AbortController();

  const ask = async () => {
    current.abort();
    current = new AbortController();
    const { signal } = current;
    const options = { mode: byId("mode").value, signal };
    const result = showResult({ openSource, openEntity });
    clearComplaint();
    byId("stop-button").hidden = false;
    // A question asked meanwhile has taken the page over: nothing of the earlier one is shown then.
    const show = (action) => void (signal.aborted || action());
    try {
      await Promise.all([
        rag.retrieve(question.value, options).then((found) => show(() => result.found(found))),
        readAnswer(rag.stream(question.value, options), (part) => show(() => result.part(part))),
      ]);
    } catch (error) {
      if (current.signal !== signal) return;
      if (isCancelled(error)) result.stopped();
      else complain("The question could not be answered.", error);
    } finally {
      if (current.signal === signal) {
        byId("answer").ariaBusy = "false";
        byId("stop-button").hidden = true;
      }
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  question.addEventListener("keydown", (event) => {
    // While an input method composes, Enter takes its suggestion.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  byId("stop-button").addEventListener("click", () => current.abort());
}

async function readAnswer(parts, take) {
  for await (const part of parts) take(part);
}

/** Clears the page for a new answer; the returned methods fill it in. */
function showResult({ openSource, openEntity }) {
  const [answer, list] = [byId("answer"), byId("reference-list")];
  let text = "";
  let references = [];
  let headings = new Map();

  const reference = (number) => ({ ...references[number - 1], headings: headings.get(references[number - 1].excerptId) });
  const openReference = (number) => openSource(reference(number).source, reference(number));
  const listReferences = () => {
    byId("references").hidden = references.length === 0;
    list.replaceChildren(...references.map((_, index) => referenceItem(reference(index + 1), () => openReference(index + 1))));
  };
  const citation = (number) => number <= references.length && number > 0
    ? button(`[${number}]`, () => openReference(number),
      { className: "reference-mark", "data-testid": "reference-mark", "aria-label": `Reference ${number}: ${reference(number).source}` })
    : undefined;
  const write = () => answer.replaceChildren(...answerText(text, citation));

  byId("result").hidden = false;
  answer.replaceChildren();
  answer.ariaBusy = "true";
  byId("answer-note").textContent = "";
  listReferences();
  showUsed({ mode: undefined, entities: [], relationships: [] }, openEntity);
  return {
    found(found) {
      headings = new Map(found.excerpts.map((excerpt) => [excerpt.id, excerpt.headings]));
      listReferences();
      showUsed(found, openEntity);
    },
    part(part) {
      if (part.type === "text") text += part.text;
      if (part.type === "references") references = part.references;
      if (part.type === "done") {
        ({ text, references } = part.answer);
        byId("answer-note").textContent = `Answered in ${milliseconds(part.answer.timings.total)}.`;
      }
      if (part.type !== "text") listReferences();
      write();
    },
    stopped() {
      byId("answer-note").textContent = "Stopped.";
    },
  };
}

function referenceItem({ source, headings, text }, open) {
  const path = (headings ?? []).join(" › ");
  return element("li", { "data-testid": "reference-item" },
    button(source, open, { className: "link source", "data-testid": "reference" }),
    path ? element("span", { className: "hint" }, ` ${path}`) : undefined,
    element("blockquote", { "data-testid": "reference-text" }, text));
}

/** Entities that are shown at once; the others are a press away. */
const shown = 8;

function showUsed({ mode, entities, relationships }, openEntity) {
  const entityItem = (entity) => element("li", { "data-testid": "entity-item" },
    button(entity.name, () => openEntity(entity.name), { className: "link", "data-testid": "entity-button" }),
    element("span", { className: "hint" }, ` ${kind(entity)}`),
    element("p", { className: "description" }, entity.description));
  const relationshipItem = ({ source, target, description, weight, rank }) => element("li", {}, `${source} – ${target}`,
    element("span", { className: "hint" }, ` weight ${Number(weight.toFixed(1))} · rank ${rank}`),
    element("p", { className: "description" }, description));

  byId("used").hidden = mode === undefined;
  byId("used-note").textContent = mode === "standard" ? "This mode reads passages only." : entities.length === 0 ? "Nothing." : "";
  byId("entity-list").replaceChildren(...entities.slice(0, shown).map(entityItem));
  fold("more-entities", entities.slice(shown).map(entityItem), count(entities.length - shown, "more entity", "more entities"));
  fold("relationships", relationships.map(relationshipItem), count(relationships.length, "relationship"));
}

/** Items behind a summary, which is not there if they are not. */
function fold(id, items, summary) {
  const details = byId(id);
  details.hidden = items.length === 0;
  details.querySelector("summary").textContent = summary;
  details.querySelector("ul").replaceChildren(...items);
}
