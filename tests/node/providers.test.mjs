import { after, test } from "node:test";

import * as pkg from "../../pkg/node.js";
import { providers } from "../contract/providers.mjs";
import { startOpenAIServer } from "../support/openai-server.mjs";

const server = await startOpenAIServer();
after(() => server.close());

for (const [name, run] of Object.entries(providers({ open: (options) => pkg.SmolRag.open(options), pkg, url: server.url }))) test(name, run);
