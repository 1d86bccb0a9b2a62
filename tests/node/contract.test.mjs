import { test } from "node:test";

import * as pkg from "../../pkg/node.js";
import { contract } from "../contract/contract.mjs";

for (const [name, run] of Object.entries(contract({ open: (options) => pkg.SmolRag.open(options), pkg, indexedDB: false }))) test(name, run);
