import type { Limits } from "./sandbox/limits.ts";
import type { Level } from "./sandbox/port.ts";

/** What is known to be used of what is limited; what is absent is not known, and counts as nothing. */
export type Used = Partial<Record<keyof Limits, number>>;

/** Half a gigabyte of memory is touched by a core in this time. */
const LEAST_MS = 100;
/** Also where nothing is limited: sessions have to be put back, and results tell the most memory. */
export const LONGEST_MS = 1000;

/**
 * The most that is taken to be used up in a ms: of memory, time and processes by each core, of a file system by all of them together, as it
 * has locks that they share.
 */
const RATES = {
  memoryBytes: { aMs: 5e6, isPerCore: true },
  cpuMs: { aMs: 1, isPerCore: true },
  processes: { aMs: 20, isPerCore: true },
  diskBytes: { aMs: 1e7, isPerCore: false },
  files: { aMs: 500, isPerCore: false },
} as const satisfies Partial<Record<keyof Limits, { aMs: number; isPerCore: boolean }>>;
const NAMES = Object.keys(RATES) as (keyof typeof RATES)[];

type Task = { limits: Limits; level: Level; used: Used; cores: number };

/**
 * How long a task need not be looked at: what it takes to reach the nearest of its limits, and as long again as looks at it are apart when
 * it has come there. So it goes over by no more than if it were looked at ten times a second all the time.
 */
export function pauseBefore({ limits, level, used, cores }: Task): number {
  let pause = LONGEST_MS;
  for (const name of NAMES) {
    const limit = limits[name];
    // The kernel holds processes at strict.
    if (limit === undefined || (name === "processes" && level === "strict")) continue;
    const { aMs, isPerCore } = RATES[name];
    const left = Math.max(0, limit - (used[name] ?? 0));
    pause = Math.min(pause, LEAST_MS + left / (isPerCore ? aMs * cores : aMs));
  }
  return pause;
}
