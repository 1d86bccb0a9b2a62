import { test } from "node:test";

import * as pkg from "../../pkg/node.js";
import { indexes } from "../contract/indexes.mjs";

for (const [name, run] of Object.entries(indexes({ pkg }))) test(name, run);
