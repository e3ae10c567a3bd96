import type { WorkerView } from "../contract/worker.ts";

/** A worker that was not heard of for so long is taken for switched off (functions/actions/explain.ts says the same). */
const SILENT_MS = 6 * 60_000;

export type WorkerState = "ready" | "draining" | "drained" | "silent";

/** How a worker stands, in the word that list and show print. */
export function stateOf(
  { drainingSince, drainedAt, lastSeenAt }: Pick<WorkerView, "drainingSince" | "drainedAt" | "lastSeenAt">,
  now: number,
): WorkerState {
  if (drainedAt !== undefined) return "drained";
  if (now - lastSeenAt > SILENT_MS) return "silent";
  return drainingSince === undefined ? "ready" : "draining";
}
