import type { TaskResult } from "../contract/result.ts";
import type { Seen } from "./guard.ts";
import { cpuOfEndedChildren } from "./process-tree.ts";

type Usage = NonNullable<TaskResult["usage"]>;

/**
 * Tells ended runs' processor time apart: the system sums it up for all ended children of a process, so each run's is what the sum grew by
 * since the one before. Two that end in the same moment share one answer; neither gets more than was possible in its time.
 */
export type UsageMeter = { ofEnded(seen: Seen, durationMs: number): Usage };

/** `parent`: whose children the runs are; another one begins at nothing. */
export function createUsageMeter(cpus: number, parent: () => number | "self" | undefined): UsageMeter {
  let last = { of: parent(), ms: read(parent()) };
  return {
    ofEnded({ cpuMs: seenCpuMs = 0, maxRssBytes, diskBytes }, durationMs) {
      const of = parent();
      const ms = read(of);
      const grown = ms - (last.of === of ? last.ms : 0);
      last = { of, ms };
      const possible = (durationMs + 1) * cpus;
      return {
        ...(!Number.isNaN(grown) && { cpuMs: Math.round(Math.max(seenCpuMs, Math.min(grown, possible))) }),
        ...(maxRssBytes !== undefined && maxRssBytes > 0 && { maxRssBytes }),
        ...(diskBytes !== undefined && diskBytes > 0 && { diskBytes }),
      };
    },
  };
}

const read = (pid: number | "self" | undefined): number =>
  (pid === undefined ? undefined : cpuOfEndedChildren(pid)) ?? Number.NaN;
