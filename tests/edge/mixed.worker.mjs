import { wasmBytes } from "../contract/memory.mjs";
import { mixed } from "../contract/mixed.mjs";
import * as pkg from "../../pkg/workerd.js";

const open = (options) => pkg.SmolRag.open(options);

export default {
  async fetch(request) {
    try {
      return Response.json(await mixed({ open, memory: wasmBytes }, await request.json()));
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
