// What the sandbox level strict adds to a no-op: both levels in turn, in one worker process, as a slot's user.
// node --import ./scripts/ts.mjs bench/strict.ts [RUNS]
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import type { Level } from "../worker/sandbox/port.ts";
import { createSandbox } from "../worker/sandbox/sandbox.ts";
import { createTaskFolders } from "../worker/task-folders.ts";
import { createReport } from "./support/emit.ts";
import { median, percentile } from "./support/numbers.ts";

const [runs = 200] = process.argv.slice(2).map(Number);
const report = createReport("strict");
const state = mkdtempSync("/var/tmp/rendt-bench-");
chmodSync(state, 0o711);
const life = `bench-${process.pid}`;
const sandbox = await createSandbox({
  state,
  workerId: "wbench",
  life,
  slots: 1,
  graceMs: 1000,
  runtimes: [],
  notice: console.error,
});
try {
  if (sandbox.missing !== undefined) throw new Error(`there is no strict sandbox here: ${sandbox.missing}`);
  const [slot] = sandbox.slots;
  if (!slot) throw new Error("a sandbox has a slot");
  const folder = createTaskFolders(sandbox.taskRoot, life, console.error).take(slot);
  const env = { PATH: "/usr/bin:/bin", RENDT_ATTEMPT: `${life}.1.` };
  const limits = { processes: 512, openFiles: 4096, diskBytes: 1024 ** 3 };
  const time = async (level: Level): Promise<number> => {
    const began = performance.now();
    const run = {
      command: ["true"],
      env,
      folder,
      level,
      limits: level === "strict" ? limits : {},
      output: () => undefined,
    };
    const { outcome } = await slot.run(run, new AbortController().signal);
    if (outcome !== "exited") throw new Error(`a no-op at ${level}: ${outcome}`);
    return performance.now() - began;
  };
  const ms: Record<Level, number[]> = { none: [], strict: [] };
  for (let at = -10; at < runs; at += 1)
    for (const level of at % 2 === 0 ? (["none", "strict"] as const) : (["strict", "none"] as const)) {
      const took = await time(level);
      if (at >= 0) ms[level].push(took);
    }
  const peer = { none: median(ms.none) };
  report({ figure: "a no-op", value: median(ms.strict), unit: "ms", peer, p95: percentile(ms.strict, 0.95), runs });
  report({ figure: "strict adds", value: median(ms.strict) - median(ms.none), unit: "ms", bar: { atMost: 12 } });
} finally {
  await sandbox.close();
  rmSync(state, { recursive: true, force: true });
}
