// How much of a core a task takes from a busy program of the owner: both compute without end on one core, until the owner's has had some seconds of it.
// node --import ./scripts/ts.mjs bench/priority.ts [--seconds 3]
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Level } from "../worker/sandbox/port.ts";
import { createSandbox } from "../worker/sandbox/sandbox.ts";
import { makeFolder, runOf } from "./kills/task.ts";
import { createReport } from "./support/emit.ts";
import { processesNaming } from "./support/proc.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "3" } } });
const seconds = Number(values.seconds);
const report = createReport("priority");
/** Nice 10 and 19 weigh 110 and 15 where 0 weighs 1024 (the kernel's table, sched(7)); a half more is let pass. */
const MOST_PERCENT: Record<Level, number> = { none: 15, strict: 2.2 };
const CORE = "0";
/** By then the worker has looked at the task, however busy the machine is. */
const SETTLE_MS = 3000;
const LOOK_MS = 100;
/** On every system that Node runs on (sysconf _SC_CLK_TCK). */
const TICKS_PER_SECOND = 100;

const life = `priority-${process.pid}`;
const state = mkdtempSync("/var/tmp/rendt-bench-");
// The users of a root worker's slots walk through it.
chmodSync(state, 0o711);
const notice = console.error;
const sandbox = await createSandbox({ state, workerId: life, life, slots: 1, graceMs: 1000, runtimes: [], notice });
try {
  for (const level of ["none", "strict"] as const) {
    if (level === "strict" && sandbox.missing !== undefined) throw new Error(`no ${level}: ${sandbox.missing}`);
    await measure(level, "in its own session");
    await measure(level, "in a session that it made");
  }
} finally {
  await sandbox.close();
  rmSync(state, { recursive: true, force: true });
}

async function measure(level: Level, where: string): Promise<void> {
  const [slot] = sandbox.slots;
  if (!slot) throw new Error("a sandbox has a slot");
  const marker = `${life}-${level}-${where.length}.`;
  const loop = ["taskset", "-c", CORE, "sh", "-c", `while :; do :; done; : ${marker}`];
  // The first word keeps a parent of the session's leader, which does not compute.
  const command = where === "in its own session" ? loop : ["setsid", "--fork", "--wait", ...loop];
  const stop = new AbortController();
  const ended = slot.run(runOf({ command, folder: makeFolder(sandbox, slot), level, tag: `${life}.1.` }), stop.signal);
  const owner = spawn("taskset", ["-c", CORE, "sh", "-c", "while :; do :; done"], { detached: true, stdio: "ignore" });
  try {
    await sleep(SETTLE_MS);
    const task = () => Math.max(0, ...processesNaming(marker).map(ticksOf));
    const [ownerBefore, taskBefore] = [ticksOf(owner.pid), task()];
    let [ownerTook, taskTook] = [0, 0];
    while (ownerTook < seconds * TICKS_PER_SECOND) {
      await sleep(LOOK_MS);
      [ownerTook, taskTook] = [ticksOf(owner.pid) - ownerBefore, task() - taskBefore];
    }
    report({
      figure: `a task at ${level}, ${where}: what it takes of a core from a busy owner`,
      value: (100 * taskTook) / (ownerTook + taskTook),
      unit: "%",
      bar: { atMost: MOST_PERCENT[level] },
      ticks: { owner: ownerTook, task: taskTook },
    });
  } finally {
    owner.kill("SIGKILL");
    stop.abort();
    await ended;
  }
}

/** Processor time in user mode, field 14 of proc(5). */
function ticksOf(pid: number | undefined): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[11]);
}
