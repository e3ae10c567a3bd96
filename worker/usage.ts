import type { TaskResult } from "../contract/result.ts";
import type { Seen } from "./guard.ts";
import { cpuOfEndedChildren } from "./process-tree.ts";

type Usage = NonNullable<TaskResult["usage"]>;

/**
 * Tells ended children's processor time apart: the system sums it up for all of them, so each one's is what the sum grew by since the one
 * before. Two that end in the same moment share one answer; neither gets more than was possible in its time.
 */
export type UsageMeter = { ofEnded(seen: Seen, durationMs: number): Usage };

export function createUsageMeter(cpus: number): UsageMeter {
  let before = cpuOfEndedChildren();
  return {
    ofEnded({ cpuMs: seenCpuMs = 0, maxRssBytes, diskBytes }, durationMs) {
      const now = cpuOfEndedChildren();
      const grown = before === undefined || now === undefined ? undefined : now - before;
      before = now;
      const possible = (durationMs + 1) * cpus;
      return {
        ...(grown !== undefined && { cpuMs: Math.round(Math.max(seenCpuMs, Math.min(grown, possible))) }),
        ...(maxRssBytes !== undefined && maxRssBytes > 0 && { maxRssBytes }),
        ...(diskBytes !== undefined && diskBytes > 0 && { diskBytes }),
      };
    },
  };
}
