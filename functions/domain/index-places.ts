import { sliceOf } from "./only-slice.ts";
import { isFresh } from "./ranges.ts";
import type { Job, Slice } from "./records.ts";

/** Where a slice stands in its queue. */
export type QueuePlace = { queue: string; class: string; order: number };

/** The index entries of a record; both absent when it is final (lifecycle.md, rule 5). */
export type IndexPlaces = { byQueue?: QueuePlace; wakeAt?: number };

/**
 * A slice is queued while something in it is claimable, and due while a timer runs. It depends on the record alone: a commit takes
 * off the timers that have run out, and a range that still has `notBefore` is brought up by the sweep.
 */
export function slicePlaces(slice: Slice): IndexPlaces {
  if (slice.status !== "open") return {};
  const { queue, class: requirement, order, wakeAt } = slice;
  return {
    ...(hasClaimable(slice) && { byQueue: { queue, class: requirement, order } }),
    ...(wakeAt !== undefined && { wakeAt }),
  };
}

/**
 * A header carries the place in the queue of its only slice. Its timer is that slice's, else the one of slices still to be written; an
 * ended header's is the end of its retention.
 */
export function jobPlaces(job: Job): IndexPlaces {
  const slice = sliceOf(job);
  const byQueue = slice && slicePlaces(slice).byQueue;
  return { ...(byQueue && { byQueue }), ...(job.wakeAt !== undefined && { wakeAt: job.wakeAt }) };
}

function hasClaimable(slice: Slice): boolean {
  if (Object.keys(slice.leases).length >= slice.cap) return false;
  return slice.open.some((range) => range.notBefore === undefined && !(slice.pastExpiry && isFresh(range)));
}
