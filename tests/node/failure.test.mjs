import { test } from "node:test";

import * as pkg from "../../pkg/node.js";
import { failure } from "../contract/failure.mjs";

const open = (options) => pkg.SmolRag.open(options);
for (const [name, run] of Object.entries(failure({ open, pkg }))) test(name, run);
