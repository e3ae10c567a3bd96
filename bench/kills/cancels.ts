import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Level, Run, Slot } from "../../worker/sandbox/port.ts";
import { createSandbox } from "../../worker/sandbox/sandbox.ts";
import { processesNaming } from "../support/proc.ts";
import { family, makeFolder, runOf } from "./task.ts";

/** How long after the word to stop nobody was left, in ms, run by run; and how many processes were, in all. */
export type Cancels = { tookMs: number[]; survivors: number; wrong: string[] };

type Order = {
  level: Level;
  runs: number;
  /** How many families there are at once, each in a slot of its own. */
  slots: number;
  /** Between TERM, to which these tasks are deaf, and KILL. */
  graceMs: number;
  /** When each is stopped, in ms after its start: from before its first process was made to long after. */
  after(run: number): number;
  notice(text: string): void;
};

/** Starts families of processes and stops each. What is left is counted and killed. */
export async function cancelRuns({ level, runs, slots, graceMs, after, notice }: Order): Promise<Cancels> {
  const state = mkdtempSync("/var/tmp/rendt-kills-");
  // The users of a root worker's slots walk through it.
  chmodSync(state, 0o711);
  const life = `kills-${process.pid}`;
  const sandbox = await createSandbox({ state, workerId: life, life, slots, graceMs, runtimes: [], notice });
  const found: Cancels = { tookMs: [], survivors: 0, wrong: [] };
  try {
    if (level === "strict" && sandbox.missing !== undefined) throw new Error(`no ${level}: ${sandbox.missing}`);
    let next = 0;
    await Promise.all(
      sandbox.slots.map(async (slot) => {
        const folder = makeFolder(sandbox, slot);
        while (next < runs) {
          const run = next++;
          const marker = `${life}-${level}-${run}.`;
          const task = runOf({ command: family(marker), folder, level, tag: `${life}.${run}.` });
          await cancel(slot, task, { after: after(run), marker, found });
        }
      }),
    );
  } finally {
    await sandbox.close();
    rmSync(state, { recursive: true, force: true });
  }
  return found;
}

type Try = { after: number; marker: string; found: Cancels };

async function cancel(slot: Slot, task: Run, { after, marker, found }: Try): Promise<void> {
  const stop = new AbortController();
  const ended = slot.run(task, stop.signal);
  await sleep(after);
  const began = performance.now();
  stop.abort();
  const { outcome, reason = "" } = await ended;
  found.tookMs.push(performance.now() - began);
  if (outcome !== "stopped") found.wrong.push(`${outcome} ${reason}`.trim());
  const left = processesNaming(marker);
  found.survivors += left.length;
  for (const pid of left) process.kill(pid, "SIGKILL");
}
