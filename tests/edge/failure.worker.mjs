// Runs one case a request, inside workerd.
import * as pkg from "../../pkg/workerd.js";
import { rejects } from "../contract/expect.mjs";
import { failure } from "../contract/failure.mjs";

const open = (options) => pkg.SmolRag.open({ embedder: "none", ...options });
const cases = {
  ...failure({ open, pkg }),
  "there are no workers here": () => rejects(open({ worker: true }), "invalid-argument"),
};

export default {
  async fetch(request) {
    try {
      await cases[await request.text()]();
      return new Response("");
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
