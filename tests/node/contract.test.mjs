import { test } from "node:test";

import * as pkg from "../../pkg/node.js";
import { contract } from "../contract/contract.mjs";
import { corpora } from "../support/corpora.mjs";

const open = (options) => pkg.SmolRag.open(options);
for (const [name, run] of Object.entries(contract({ open, pkg, indexedDB: false, corpora: corpora() }))) test(name, run);
