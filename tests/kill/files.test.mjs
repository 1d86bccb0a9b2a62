import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { SmolRag } from "../../pkg/node.js";
import { killing } from "./kill.mjs";

const script = fileURLToPath(new URL("files.writer.mjs", import.meta.url));

test("a process that writes files is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "smolrag-killed-"));
  const start = async () => {
    const writer = fork(script, [folder]);
    const ended = once(writer, "exit");
    const pending = new Map();
    let calls = 0;
    await new Promise((resolve, reject) => {
      ended.then(() => reject(new Error("the writer did not start")));
      writer.on("message", ({ ready, id, value, failed }) => {
        if (ready) return resolve();
        const call = pending.get(id);
        pending.delete(id);
        if (failed) call.reject(new Error(failed));
        else call.resolve(value);
      });
    });
    const kill = async () => {
      writer.kill("SIGKILL");
      await ended;
    };
    return {
      call: (method, ...parameters) => new Promise((resolve, reject) => {
        pending.set((calls += 1), { resolve, reject });
        writer.send({ id: calls, method, parameters });
      }),
      kill,
      close: kill,
    };
  };
  await killing({ start, fresh: () => SmolRag.open({ storage: "memory" }) });
  rmSync(folder, { recursive: true, force: true });
});
