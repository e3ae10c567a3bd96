import type { WorkerView } from "./worker-view.ts";

/** A worker that was not heard of for so long is taken for switched off. Its words are noted every 4 to 5 minutes. */
const SILENT_MS = 6 * 60_000;

export type WorkerState = "ready" | "resting" | "draining" | "drained" | "stopped" | "silent";

/** How a worker stands, in one word; what it said of itself comes before what is only concluded. */
export function stateOf(
  worker: Pick<WorkerView, "drainingSince" | "drainedAt" | "lastSeenAt" | "away">,
  now: number,
): WorkerState {
  const { drainingSince, drainedAt, away } = worker;
  if (away?.why === "stopped") return "stopped";
  if (drainedAt !== undefined) return "drained";
  if (isSilent(worker, now)) return "silent";
  if (drainingSince !== undefined) return "draining";
  // Another reason than these two is a newer worker's: it takes nothing new either.
  return away === undefined ? "ready" : "resting";
}

/** Whether nothing was heard of a worker for longer than it should be; one that said that it would be silent is not. */
export const isSilent = ({ lastSeenAt, away }: Pick<WorkerView, "lastSeenAt" | "away">, now: number): boolean =>
  away === undefined && now - lastSeenAt > SILENT_MS;
