import { sliceOf } from "./only-slice.ts";
import { isFresh } from "./ranges.ts";
import type { Job, Slice } from "./records.ts";

/** Where a slice stands in its queue. */
export type QueuePlace = { queue: string; class: string; order: number };

/**
 * The index entries of a record; both absent when it is final (lifecycle.md, rule 5). `alone`: nothing but the record itself has to be
 * done away with at `wakeAt`.
 */
export type IndexPlaces = { byQueue?: QueuePlace; wakeAt?: number; alone?: boolean };

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
  return {
    ...(byQueue && { byQueue }),
    ...(job.wakeAt !== undefined && { wakeAt: job.wakeAt, ...(isAlone(job) && { alone: true }) }),
  };
}

/** An ended job of one slice without documents, files and counters. */
function isAlone({ only, spec, metered, phase, due }: Job): boolean {
  if (!only || only.status === "open" || only.pages || due || phase === "uploading" || metered) return false;
  if (!("inline" in spec) || hasFiles(spec.inline)) return false;
  return !namesFiles(only.done);
}

/** Whether results say of files in the object store, or are in documents, which may. */
export const namesFiles = (done: Slice["done"] = []): boolean =>
  done.some(({ doc }) => doc && ("hash" in doc || hasFiles(doc.inline)));

/** Blobs are named by their SHA-256, wherever they stand in a document. */
const hasFiles = (document: unknown): boolean => JSON.stringify(document).includes('"sha256"');

function hasClaimable(slice: Slice): boolean {
  if (Object.keys(slice.leases).length >= slice.cap) return false;
  return slice.open.some((range) => range.notBefore === undefined && !(slice.pastExpiry && isFresh(range)));
}
