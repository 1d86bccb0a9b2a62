// A knowledge base in files, in a process of its own, called by messages.
import { fileStorage } from "../../pkg/file-storage.js";
import { SmolRag } from "../../pkg/node.js";

const rag = await SmolRag.open({ name: "killed", storage: fileStorage(process.argv[2]) });
process.on("message", async ({ id, method, parameters }) => {
  try {
    process.send({ id, value: await rag[method](...parameters) });
  } catch (error) {
    process.send({ id, failed: `${error.code}: ${error.message}` });
  }
});
process.send({ ready: true });
