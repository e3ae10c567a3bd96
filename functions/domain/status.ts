import type { JobStatus, JobView, TaskCounts } from "../../contract/job.ts";
import type { TaskResult } from "../../contract/result.ts";
import { hasBit } from "./bits.ts";
import { sliceOf } from "./only-slice.ts";
import { sizeOf } from "./ranges.ts";
import { explain } from "./reason.ts";
import type { Job, Slice } from "./records.ts";

export type JobState = Pick<JobView, "status" | "tasks" | "reason" | "running" | "startedAt">;

/**
 * What a job does now. Of several slices those that were read are given; tasks of others count as available (or waiting, before they are
 * released) until their header has their sums. `result`: of a job of one task its last result, for the reason.
 */
export function statusOf(job: Job, slices: readonly Slice[], result?: TaskResult): JobState {
  const only = sliceOf(job);
  const alive = (only ? [only] : slices).filter((slice) => only || !hasBit(job.sums?.ended ?? "0", slice.number));
  const tasks = countsOf(job, alive);
  const status = only ? ofSlice(only, tasks) : ofHeader(job, tasks);
  const reason = explain({ job, slices: alive, status, tasks, result });
  const startedAt = firstStart(job, slices);
  return {
    status,
    tasks,
    ...(reason && { reason }),
    running: runningOf(alive),
    ...(startedAt !== undefined && { startedAt }),
  };
}

function firstStart(job: Job, slices: readonly Slice[]): number | undefined {
  const starts = [job.times, ...slices.map((slice) => slice.times)].flatMap(({ startedAt }) => startedAt ?? []);
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function countsOf(job: Job, alive: readonly Slice[]): TaskCounts {
  const counts = { waiting: 0, available: 0, executing: 0, delivering: 0, succeeded: 0, failed: 0, dropped: 0 };
  if (job.sums) {
    counts.succeeded = job.sums.succeeded;
    counts.failed = job.sums.failed;
    counts.dropped = job.sums.dropped;
  }
  for (const slice of alive) {
    counts.succeeded += slice.succeeded;
    counts.failed += slice.failed;
    if (slice.status !== "open") counts.dropped += sizeOf(slice) - slice.succeeded - slice.failed;
    for (const range of slice.open) counts[range.notBefore === undefined ? "available" : "waiting"] += sizeOf(range);
    for (const lease of Object.values(slice.leases)) counts[lease.phase] += sizeOf(lease);
  }
  const unread = job.count - Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (job.phase === "cancelled") counts.dropped += unread;
  else counts[job.phase === "uploading" || job.phase === "releasing" ? "waiting" : "available"] += unread;
  return counts;
}

function ofSlice(slice: Slice, tasks: TaskCounts): JobStatus {
  return slice.status === "open" ? ofOpen(tasks) : slice.status;
}

/** From counters only while the header is live and at rest (lifecycle.md, rule 24). */
function ofHeader(job: Job, tasks: TaskCounts): JobStatus {
  if (job.phase === "uploading" || job.phase === "cancelled") return job.phase;
  const hasEnded = tasks.succeeded + tasks.failed + tasks.dropped === job.count;
  if (job.phase !== "live" || !hasEnded) return ofOpen(tasks);
  if (tasks.dropped > 0) return "expired";
  return tasks.failed > 0 ? "failed" : "finished";
}

function ofOpen({ executing, delivering, available }: TaskCounts): JobStatus {
  if (executing > 0) return "executing";
  if (delivering > 0) return "delivering";
  return available > 0 ? "available" : "waiting";
}

function runningOf(slices: readonly Slice[]): JobView["running"] {
  const leases = slices.flatMap((slice) => Object.entries(slice.leases));
  const running = leases.map(([lease, { from, upTo, worker, phase, paused, tries, expiresAt }]) => {
    return { lease, from, upTo, worker, phase, ...(paused && { paused }), try: tries + 1, expiresAt };
  });
  return running.sort((a, b) => a.from - b.from);
}
