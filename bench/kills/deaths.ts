import { type ChildProcess, fork } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Level } from "../../worker/sandbox/port.ts";
import { processesHolding, processesNaming } from "../support/proc.ts";
import type { Order } from "./victim.ts";

/** How long after the worker's death nobody was left, in ms, death by death; and how many processes were, after two seconds, in all. */
export type Deaths = { tookMs: number[]; survivors: number };

const MOST_MS = 2000;
const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

type Plan = {
  runs: number;
  level(run: number): Level;
  /** When each is killed: so many ms after it begins to make its slots, or after it begins to run tasks. */
  when(run: number): { after: "starting" | "running"; ms: number };
};

/** Starts worker after worker with two busy slots and sends each SIGKILL. */
export async function killWorkers({ runs, level, when }: Plan): Promise<Deaths> {
  const found: Deaths = { tookMs: [], survivors: 0 };
  for (let run = 0; run < runs; run += 1) {
    const state = mkdtempSync("/var/tmp/rendt-kills-");
    chmodSync(state, 0o711);
    const order: Order = { state, slots: 2, level: level(run), marker: `deaths-${process.pid}-${run}.` };
    try {
      const { after, ms } = when(run);
      const worker = fork(from("victim.ts"), [JSON.stringify(order)], {
        execArgv: ["--import", from("../../scripts/ts.mjs")],
      });
      await heard(worker, after);
      await sleep(ms);
      const gone = new Promise((resolve) => worker.once("exit", resolve));
      worker.kill("SIGKILL");
      await gone;
      const { tookMs, left } = await untilNobody(order);
      found.tookMs.push(tookMs);
      found.survivors += left.length;
      for (const pid of left) process.kill(pid, "SIGKILL");
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  }
  return found;
}

function heard(worker: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message) => message === word && resolve());
    worker.once("exit", (code) => reject(new Error(`it ended by itself, with ${code}`)));
  });
}

/** Its tasks are known by what they name, its slots' shells by the pipes that they hold. */
async function untilNobody({ state, marker }: Order): Promise<{ tookMs: number; left: number[] }> {
  const began = performance.now();
  for (;;) {
    const left = [...new Set([...processesNaming(marker), ...processesHolding(state)])];
    const tookMs = performance.now() - began;
    if (left.length === 0 || tookMs > MOST_MS) return { tookMs, left };
    await sleep(2);
  }
}
