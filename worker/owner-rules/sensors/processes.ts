import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { lookAtTrees } from "../../process-tree.ts";
import type { Sensor } from "../sources.ts";

const NO_PROC = "this system has no /proc, from which it is read";

/** /proc counts in ticks of 10 ms on every system that Node runs on. */
const TICK_MS = 10;

/** Cores that others keep busy: all that the machine did since the last look, less what this worker and its tasks did. */
export function createOthersLoad(steady: () => number): Sensor<number> {
  let last: { at: number; othersMs: number } | undefined;
  const othersMs = async () => busyMs() - (await lookAtTrees([process.pid])).cpuMs;
  return {
    missing: async () => (hasProc() ? undefined : NO_PROC),
    async read() {
      const now = { at: steady(), othersMs: await othersMs() };
      const since = last;
      last = now;
      if (!since || now.at <= since.at) return 0;
      // A process of ours that nobody waited for takes its time with it.
      return Math.max(0, (now.othersMs - since.othersMs) / (now.at - since.at));
    },
  };
}

/** user, nice, system, irq, softirq and steal of proc(5)'s first line; idle and iowait are no work, guests are in user. */
function busyMs(): number {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

/** A process may change its name by exec: all are asked again after so many looks. */
const FORGET_EVERY = 12;

/** The programs that run, by the name that `ps` shows and by the name of their file; this worker and its tasks do not count. */
export function createProgramList(): Sensor<ReadonlySet<string>> {
  let known = new Map<number, readonly string[]>();
  let looks = 0;
  return {
    missing: async () => (hasProc() ? undefined : NO_PROC),
    async read() {
      const ours = new Set((await lookAtTrees([process.pid])).pids);
      const before = looks % FORGET_EVERY === 0 ? new Map<number, readonly string[]>() : known;
      looks += 1;
      known = new Map();
      const names = new Set<string>();
      for (const pid of readdirSync("/proc").map(Number)) {
        if (!Number.isInteger(pid) || ours.has(pid)) continue;
        const mine = before.get(pid) ?? namesOf(pid);
        known.set(pid, mine);
        for (const name of mine) names.add(name);
        if (known.size % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return names;
    },
  };
}

/** The kernel cuts its name after 15 characters; the command line is the process's own to change. */
function namesOf(pid: number): string[] {
  try {
    const [command = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0", 1);
    return [readFileSync(`/proc/${pid}/comm`, "utf8").trim(), basename(command)].filter((name) => name !== "");
  } catch {
    // Gone in the meantime.
    return [];
  }
}

function hasProc(): boolean {
  try {
    return readFileSync("/proc/stat", "latin1").startsWith("cpu ");
  } catch {
    return false;
  }
}
