import type { Slice } from "./records.ts";

/**
 * Since when nobody has been at work on a slice that waits; undefined while somebody is. An array that is being worked on is not old, however
 * long ago it was released.
 */
export function unservedSince({ leases, times, done }: Slice, delayMs = 0): number | undefined {
  if (Object.keys(leases).length > 0) return undefined;
  const available = (times.releasedAt ?? times.createdAt) + delayMs;
  return Math.max(available, times.startedAt ?? 0, done.at(-1)?.at ?? 0);
}
