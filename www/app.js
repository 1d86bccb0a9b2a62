// Opens the knowledge base and brings the parts of the page together.
import { createAsk } from "./ask.js";
import { byId } from "./dom.js";
import { createEntity } from "./entity.js";
import { chosenFiles, droppedFiles, sortOut } from "./files.js";
import { createIngest } from "./ingest.js";
import { createLibrary } from "./library.js";
import { createModes } from "./modes.js";
import { attempt, complain, say } from "./notices.js";
import { sampleDocuments } from "./samples.js";
import { createViewer } from "./viewer.js";

function setState(state) {
  document.documentElement.dataset.state = state;
}

async function start() {
  createModes();
  try {
    // Imported here and not above, so that a package that does not load is reported like any failure.
    const { SmolRag } = await import("./package.js");
    const rag = await SmolRag.open({ name: "demo", worker: true });
    await connect(rag);
  } catch (error) {
    setState("failed");
    say("Reload the page to try again.");
    complain("The knowledge base could not be opened.", error);
    return;
  }
  document.querySelector("main").inert = false;
  setState("ready");
  say("");
}

async function connect(rag) {
  const view = createViewer(rag);
  const openSource = (source, passage) => attempt("The source could not be opened.", () => view(source, passage));
  const showEntity = createEntity(rag, view);
  const openEntity = (name) => attempt("The entity could not be shown.", () => showEntity(name));
  createAsk(rag, { openSource, openEntity });
  connectAdding(createIngest(rag));
  await createLibrary(rag, { open: openSource });
}

function connectAdding(ingest) {
  const add = (what, find) => attempt(what, async () => ingest(await find()));
  const [fileInput, folderInput] = [byId("file-input"), byId("folder-input")];
  const actions = {
    "choose-files": () => fileInput.click(),
    "choose-folder": () => folderInput.click(),
    "load-samples": () => add("The sample documents could not be loaded.",
      async () => ({ documents: await sampleDocuments(), skipped: [] })),
  };
  for (const node of document.querySelectorAll("[data-action]")) {
    node.addEventListener("click", actions[node.dataset.action]);
  }
  for (const input of [fileInput, folderInput]) {
    input.addEventListener("change", () => {
      const files = chosenFiles(input.files);
      // Emptied, so that choosing the same files again is a change again.
      input.value = "";
      add("The files could not be read.", () => sortOut(files));
    });
  }
  acceptDrops((transfer) => add("What was dropped could not be read.", async () => sortOut(await droppedFiles(transfer))));
}

/** The whole page takes drops. */
function acceptDrops(take) {
  const holdsFiles = (event) => [...event.dataTransfer.types].includes("Files");
  const mark = (over) => document.body.classList.toggle("drop-here", over);
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) mark(false);
  });
  addEventListener("drop", (event) => {
    mark(false);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer);
  });
}

start();
