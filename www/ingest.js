// Adding documents: progress of each, cancelling, and the report in words.
import { byId, element } from "./dom.js";
import { count, failure, isCancelled } from "./words.js";

/** Documents whose text is held at once: as many as an instance reads at once by default. */
const together = 4;

const stages = { excerpts: "splitting", reading: "reading", embedding: "embedding", commit: "saving" };

/** Returns what takes documents; one batch runs after the other. */
export function createIngest(rag) {
  let last = Promise.resolve();
  return (batch) => {
    last = last.then(() => run(rag, batch));
    return last;
  };
}

/**
 * Every document is a call of its own: a bad one is refused without the others, and only a few
 * texts are in memory at once.
 */
async function run(rag, { documents, skipped }) {
  const outcome = { ingested: [], updated: [], unchanged: [], failed: [], cancelled: 0, skipped };
  const controller = new AbortController();
  const progress = showProgress(documents.length, () => controller.abort());
  const waiting = documents.values();
  const work = async () => {
    for (const { source, read } of waiting) {
      await ingestOne(source, read);
      progress.finish(source);
    }
  };
  const ingestOne = async (source, read) => {
    try {
      controller.signal.throwIfAborted();
      const options = { signal: controller.signal, onProgress: progress.update };
      const report = await rag.ingest([{ source, text: await read() }], options);
      for (const kind of ["ingested", "updated", "unchanged", "failed"]) outcome[kind].push(...report[kind]);
    } catch (error) {
      if (isCancelled(error)) outcome.cancelled += 1;
      else outcome.failed.push({ source, error });
    }
  };
  byId("report").replaceChildren();
  await Promise.all(Array.from({ length: together }, work));
  progress.close();
  byId("report").replaceChildren(...describe(outcome));
  return outcome;
}

function showProgress(total, cancel) {
  const [panel, summary, bar, list] = ["progress", "progress-summary", "progress-bar", "progress-list"].map(byId);
  const rows = new Map();
  let done = 0;
  const sum = () => {
    summary.textContent = `${done} of ${count(total, "document")} done`;
    bar.value = done;
  };
  const rowOf = (source) => {
    if (!rows.has(source)) {
      const [stage, stageBar] = [element("span", { className: "hint" }), element("progress", { "aria-label": source })];
      const row = element("li", { "data-testid": "progress-row" }, element("span", { className: "source" }, source), stage, stageBar);
      rows.set(source, { row, stage, stageBar });
      list.append(row);
    }
    return rows.get(source);
  };
  bar.max = Math.max(total, 1);
  sum();
  list.replaceChildren();
  byId("cancel-button").onclick = cancel;
  panel.hidden = total === 0;
  return {
    update(step) {
      const { stage, stageBar } = rowOf(step.source);
      stage.textContent = `${stages[step.stage]}, ${step.done} of ${step.total}`;
      stageBar.max = Math.max(step.total, 1);
      stageBar.value = step.done;
    },
    finish(source) {
      done += 1;
      rows.get(source)?.row.remove();
      rows.delete(source);
      sum();
    },
    close() {
      panel.hidden = true;
    },
  };
}

/** The report as paragraphs and lists. */
function describe({ ingested, updated, unchanged, failed, cancelled, skipped }) {
  const sentences = [
    ingested.length > 0 && `Added ${count(ingested.length, "document")}.`,
    updated.length > 0 && `Updated ${count(updated.length, "document")}.`,
    unchanged.length > 0 && `${count(unchanged.length, "document")} unchanged.`,
    cancelled > 0 && `Cancelled before ${count(cancelled, "document")} was done; what was saved by then stays.`,
  ].filter(Boolean);
  const parts = [];
  if (sentences.length > 0) parts.push(element("p", {}, sentences.join(" ")));
  if (failed.length > 0) {
    parts.push(...named(`${count(failed.length, "document")} failed:`, failed.map(({ source, error }) => `${source}: ${failure(error)}`)));
  }
  if (skipped.length > 0) {
    parts.push(...named(`Skipped ${count(skipped.length, "file")}, since only .md, .mdx, .txt and .html are read, each name once:`, skipped));
  }
  return parts.length > 0 ? parts : [element("p", {}, "There was no document in it.")];
}

/** A heading line and what it names, the first twenty. */
function named(heading, lines) {
  const shown = lines.slice(0, 20);
  if (lines.length > shown.length) shown.push(`and ${lines.length - shown.length} more`);
  return [element("p", {}, heading), element("ul", {}, ...shown.map((line) => element("li", {}, line)))];
}
