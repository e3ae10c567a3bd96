import { readFileSync, writeFileSync } from "node:fs";
import type { Level } from "./sandbox/port.ts";

/** How far tasks stand behind everybody else on this machine: the jobs of strangers, which are strict, at the very end. */
export const NICE: Readonly<Record<Level, number>> = { none: 10, strict: 19 };

/**
 * Holds the sessions of a task, each by one of its processes, to this nice value. Kernels with autogroups (sched(7)) weigh sessions
 * against each other and a process only against others of its own session; each new session begins at 0, whoever made it.
 * Answers false when that is to be tried again soon: all who are not root may write once in 0.1 s together.
 */
export function lowerSessions(members: Iterable<number>, nice: number): boolean {
  // The first refusal counts for all others too.
  for (const pid of members) if (!lowerSession(`/proc/${pid}/autogroup`, nice)) return false;
  return true;
}

function lowerSession(path: string, nice: number): boolean {
  try {
    const now = / nice (-?\d+)$/m.exec(readFileSync(path, "latin1"))?.[1];
    if (now !== undefined && Number(now) < nice) writeFileSync(path, String(nice));
    return true;
  } catch (error) {
    // Anything else: gone, no such kernel, or a program that its own user may not read, whose session may have others.
    return !(error instanceof Error && "code" in error && error.code === "EAGAIN");
  }
}
