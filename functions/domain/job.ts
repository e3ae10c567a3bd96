import type { ErrorCode } from "../../contract/errors.ts";
import { countBits, hasAllBits, hasBit, withBit, withoutBit } from "./bits.ts";
import { namesFiles } from "./index-places.ts";
import { layoutOf } from "./layout.ts";
import { newSlice, type Terms } from "./new-slice.ts";
import { sliceOf, withSlice } from "./only-slice.ts";
import { sizeOf } from "./ranges.ts";
import type { Job, Slice, Sums, Tombstone } from "./records.ts";
import { decide } from "./slice.ts";
import type { DoneEntry } from "./slice-record.ts";

/** How long inputs may take to arrive before the job is given up. */
export const UPLOAD_MS = 7 * 86_400_000;
/** When the sweep resumes a release, cancel or retry that has not come to its end. */
const RESUME_MS = 30_000;
const TOMBSTONE_MS = 86_400_000;

export type JobRefused = { code: ErrorCode | "needs_pages"; message: string };

const NO_SUMS: Sums = { succeeded: 0, failed: 0, dropped: 0, ended: "0" };

export type NewJob = Pick<
  Job,
  "id" | "owner" | "name" | "requestHash" | "spec" | "queue" | "class" | "order" | "keepMs" | "watch" | "metered"
> & { count: number; limit?: number };

/** A header that waits for its inputs; one without inputs is released in the same write. */
export function createJob({ limit, ...wanted }: NewJob, now: number): Job {
  return {
    v: 1,
    ...wanted,
    version: 1,
    round: 0,
    phase: "uploading",
    slices: layoutOf(wanted.count, limit).slices,
    wakeAt: now + UPLOAD_MS,
    times: { createdAt: now },
  };
}

/**
 * The inputs are there. A single job is live at once. Of several slices the header is due until all of them are written ("must not exist")
 * and `released` is committed (rule 21). The very header when it was released before.
 */
export function release(job: Job, terms: Terms, now: number): Job {
  if (job.phase !== "uploading") return job;
  const header: Job = { ...job, times: { ...job.times, releasedAt: now } };
  if (job.slices > 1) return { ...header, phase: "releasing", due: true, wakeAt: now + RESUME_MS, sums: NO_SUMS };
  return withSlice({ ...header, phase: "live" }, newSlice(header, 0, terms, now));
}

/** All slices are there: the end of a release or of a retry. */
export const live = (job: Job, now: number): Job =>
  job.phase === "releasing" || job.phase === "retrying" ? atRest({ ...job, phase: "live" }, now) : job;

/** About how many tasks of a job are not ended in slices other than the one at hand, which is taken to be half done like the others. */
export function tasksElsewhere({ count, slices, sums }: Job): number {
  const others = slices - countBits(sums?.ended ?? NO_SUMS.ended) - 1;
  return Math.floor((Math.max(0, others) * count) / slices / 2);
}

/** Adds a slice that became final to the header, in the transaction that makes it final, whatever did (rule 20). */
export function withEnded(job: Job, slice: Slice, now: number): Job {
  const sums = job.sums ?? NO_SUMS;
  if (slice.status === "open" || hasBit(sums.ended, slice.number)) return job;
  const next = { ...job, sums: added(sums, slice, 1) };
  return job.phase === "live" || job.phase === "cancelled" ? atRest(next, now) : next;
}

/** Cancels a job; of several slices those that are open or missing still have to be cancelled while the header is due (rule 22). */
export function cancelJob(job: Job, round: number, now: number): Job {
  if (round !== job.round || job.phase === "cancelled" || isFinal(job)) return job;
  const slice = sliceOf(job);
  if (slice) {
    const decision = decide(slice, { kind: "cancel", round }, now);
    return "code" in decision ? job : withSlice(job, decision.slice);
  }
  const cancelled: Job = { ...job, phase: "cancelled" };
  if (job.phase === "uploading") return ended(cancelled, now);
  return atRest({ ...cancelled, due: true, wakeAt: now + RESUME_MS }, now);
}

/**
 * Reopens the tasks without success in the next round (rules 18 and 23). Of several slices the header is due until each bad one is
 * reopened and `live` is committed. A job that was never released waits for its inputs again.
 */
export function retryJob(
  job: Job,
  command: { round: number; pages?: readonly DoneEntry[] },
  now: number,
): Job | JobRefused {
  if (command.round !== job.round) return job;
  if (!isFinal(job)) {
    return { code: "not_ended", message: `job ${job.id} has not ended: only an ended job can be retried` };
  }
  const slice = sliceOf(job);
  if (slice) {
    const decision = decide(slice, { kind: "retry", ...command }, now);
    if ("code" in decision) return decision;
    return decision.slice === slice ? job : withSlice(job, decision.slice);
  }
  const { endedAt: _, ...times } = job.times;
  const again: Job = { ...job, round: job.round + 1, times };
  if (!job.sums) return { ...again, phase: "uploading", wakeAt: now + UPLOAD_MS };
  if (job.sums.failed + job.sums.dropped === 0) return job;
  return { ...again, phase: "retrying", due: true, wakeAt: now + RESUME_MS };
}

/** Reopens one bad slice of an older round, clears its bit and takes its counters back; undefined when there is nothing to do. */
export function reopen(
  job: Job,
  slice: Slice,
  pages: readonly DoneEntry[] | undefined,
  now: number,
): { job: Job; slice: Slice } | JobRefused | undefined {
  const isBad = slice.status === "failed" || slice.status === "cancelled" || slice.status === "expired";
  if (job.phase !== "retrying" || !isBad || slice.round >= job.round) return undefined;
  const decision = decide(slice, { kind: "retry", round: slice.round, pages }, now);
  if ("code" in decision) return decision;
  return {
    job: { ...job, sums: added(job.sums ?? NO_SUMS, slice, -1) },
    slice: { ...decision.slice, round: job.round },
  };
}

/** Nothing of it can change any more but by a retry. */
export function isFinal(job: Job): boolean {
  if (job.only) return job.only.status !== "open";
  if (job.due) return false;
  return job.phase === "cancelled" || (job.phase === "live" && hasAllBits(job.sums?.ended ?? "0", job.slices));
}

/** What the sweep has to do with a header whose time has come. */
export function dueWork(job: Job): "slice" | "abandon" | "release" | "retry" | "cancel" | undefined {
  if (job.only) return "slice";
  if (job.phase === "uploading") return "abandon";
  if (job.phase === "releasing") return "release";
  if (job.phase === "retrying") return "retry";
  return job.due ? "cancel" : undefined;
}

/** What stays of a job that is removed, so that a late duplicate of its create can't run it again (rule 19). */
export function tombstoneOf(job: Job, now: number): Tombstone | JobRefused {
  if (!isFinal(job))
    return { code: "not_ended", message: `job ${job.id} has not ended: cancel it before it is removed` };
  const { id, owner, requestHash, slices, only } = job;
  const rest = namesFiles(only?.done) && { named: { pages: only?.pages ?? [], done: only?.done ?? [] } };
  const wakeAt = now + TOMBSTONE_MS;
  return { v: 1, id, owner, version: 1, requestHash, removedAt: now, wakeAt, ...(slices > 1 && { slices }), ...rest };
}

function atRest(job: Job, now: number): Job {
  if (hasAllBits(job.sums?.ended ?? "0", job.slices)) return ended(job, now);
  if (job.phase === "cancelled") return job;
  const { due: _, wakeAt: __, ...rest } = job;
  return rest;
}

function ended(job: Job, now: number): Job {
  const { due: _, wakeAt: __, ...rest } = job;
  return { ...rest, times: { ...job.times, endedAt: now } };
}

function added(sums: Sums, slice: Slice, sign: 1 | -1): Sums {
  const dropped = sizeOf(slice) - slice.succeeded - slice.failed;
  return {
    succeeded: sums.succeeded + sign * slice.succeeded,
    failed: sums.failed + sign * slice.failed,
    dropped: sums.dropped + sign * dropped,
    ended: sign === 1 ? withBit(sums.ended, slice.number) : withoutBit(sums.ended, slice.number),
  };
}
