import { readFileSync, writeFileSync } from "node:fs";
import type { Level } from "./sandbox/port.ts";

/** How far tasks stand behind everybody else on this machine: the jobs of strangers, which are strict, at the very end. */
export const NICE: Readonly<Record<Level, number>> = { none: 10, strict: 19 };

/**
 * Holds the sessions of a task, each by one of its processes, to this nice value. Kernels with autogroups (sched(7)) weigh sessions
 * against each other and a process only against others of its own session; each new session begins at 0, whoever made it.
 */
export function lowerSessions(members: Iterable<number>, nice: number): void {
  for (const pid of members) {
    const path = `/proc/${pid}/autogroup`;
    try {
      const now = / nice (-?\d+)$/m.exec(readFileSync(path, "latin1"))?.[1];
      if (now !== undefined && Number(now) < nice) writeFileSync(path, String(nice));
    } catch {
      // Gone, or no such kernel; or EAGAIN, as all who are not root may write once in 0.1 s together: the next look tries again.
    }
  }
}
