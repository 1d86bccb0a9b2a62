// A Durable Object that runs the conformance suite on its own storage, and keeps a knowledge base in it.
import { DurableObject } from "cloudflare:workers";

import * as pkg from "../../pkg/workerd.js";
import { storageConformance } from "../../pkg/storage-conformance.js";

export class Store extends DurableObject {
  cases = storageConformance(() => pkg.durableObjectStorage(this.ctx.storage));

  async conformance(name) {
    await this.cases.find((found) => found.name === name).run();
  }

  /** The knowledge base of that name, open while the object lives. */
  #bases = new Map();
  base(name) {
    if (!this.#bases.has(name)) {
      this.#bases.set(name, pkg.SmolRag.open({ name, storage: pkg.durableObjectStorage(this.ctx.storage) }));
    }
    return this.#bases.get(name);
  }

  async call(name, method, parameters) {
    const rag = await this.base(name);
    return rag[method](...parameters);
  }

  /** Statements on the raw database. */
  sql(query, ...bindings) {
    return [...this.ctx.storage.sql.exec(query, ...bindings).raw()];
  }

  /** What wrong use of an adapter rejects with. */
  async misuse() {
    const storage = pkg.durableObjectStorage(this.ctx.storage);
    const code = (promise) => promise.then(() => "nothing", (error) => error.code);
    const codes = [await code(storage.read("documents"))];
    await storage.open("one name");
    codes.push(await code(storage.open("another name")));
    await storage.close();
    codes.push(await code(storage.commit(0, [], [])));
    return codes;
  }
}

export default {
  async fetch(request, env) {
    const { object = "one", method, parameters = [] } = await request.json();
    try {
      const store = env.STORE.get(env.STORE.idFromName(object));
      return Response.json({ value: (await store[method](...parameters)) ?? null });
    } catch (error) {
      return new Response(String(error.stack ?? error), { status: 500 });
    }
  },
};
