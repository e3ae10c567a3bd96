import type { Span } from "./ranges.ts";

/** Most slices of a job: one bit each in its header, and few enough to be walked in one go. */
export const MOST_SLICES = 1000;
const SMALLEST_SLICE = 16;
const LARGEST_SLICE = 1000;
/** A job is cut into about this many slices, as long as their size allows it: enough to spread, few enough to write. */
const WANTED_SLICES = 256;
const MOST_LEASES = 8;

/** How a job of `count` tasks is cut (lifecycle.md, rule 25); `limit` is the M of `%M`: so many slices with one lease each. */
export function layoutOf(count: number, limit?: number): { slices: number; cap: number } {
  if (limit !== undefined && limit < count) return { slices: Math.min(limit, MOST_SLICES), cap: 1 };
  if (count <= SMALLEST_SLICE) return { slices: 1, cap: MOST_LEASES };
  const wanted = 2 ** Math.ceil(Math.log2(count / WANTED_SLICES));
  const size = Math.min(LARGEST_SLICE, Math.max(SMALLEST_SLICE, wanted));
  return { slices: Math.ceil(count / size), cap: MOST_LEASES };
}

type Cut = { count: number; slices: number };

/** The tasks of slice `number`; sizes differ by at most one, so that `%M` never leaves a lane empty. */
export function spanOf({ count, slices }: Cut, number: number): Span {
  return { from: Math.floor((number * count) / slices), upTo: Math.floor(((number + 1) * count) / slices) };
}

/** The number of the slice that holds a task. */
export function sliceAt({ count, slices }: Cut, position: number): number {
  return Math.floor(((position + 1) * slices - 1) / count);
}
