import type { JobStatus, TaskCounts } from "../../contract/job.ts";
import type { TaskResult } from "../../contract/result.ts";
import type { Job, Slice } from "./records.ts";
import type { OpenRange } from "./slice-record.ts";

type Seen = { job: Job; slices: readonly Slice[]; status: JobStatus; tasks: TaskCounts; result?: TaskResult };

/** In plain words: why a job waits, or how it ended; undefined when its status says it all. */
export function explain(seen: Seen): string | undefined {
  const { job, tasks } = seen;
  switch (seen.status) {
    case "uploading":
      return "its inputs are not there yet";
    case "waiting":
      return waits(seen);
    case "available":
      return queues(seen);
    case "executing":
      return stands(seen);
    case "failed":
      return fails(seen);
    case "cancelled":
      return job.count === 1 ? undefined : `${tasks.succeeded + tasks.failed} of ${job.count} tasks had ended`;
    case "expired":
      return `${ofAll(tasks.dropped, job.count)} did not start within the time that --expires gives`;
    default:
      return undefined;
  }
}

function waits({ job, slices }: Seen): string {
  const nearest = nearestDelayed(slices);
  if (nearest?.notBefore === undefined) return job.phase === "retrying" ? "is being reopened" : "is being released";
  const until = new Date(nearest.notBefore).toISOString();
  return nearest.tries > 0 ? `backing off after try ${nearest.tries} until ${until}` : `delayed until ${until}`;
}

function queues({ slices }: Seen): string {
  const ranges = slices.flatMap((slice) => slice.open);
  const crashes = Math.max(0, ...ranges.map((range) => range.crashes));
  if (crashes > 0) return `waiting for a worker, after ${times(crashes, "worker")} vanished while running it`;
  const tries = Math.max(0, ...ranges.map((range) => range.tries));
  return tries > 0 ? `waiting for a worker, after try ${tries} failed` : "waiting for a worker";
}

/** A task that does not go on has to say so. */
function stands({ job, slices }: Seen): string | undefined {
  const leases = slices.flatMap((slice) => Object.values(slice.leases));
  const paused = leases.filter((lease) => lease.paused);
  if (paused.length === 0) return undefined;
  const why = "paused by the machine's owner";
  return job.count === 1 ? why : `${paused.length} of ${leases.length} running parts are ${why}`;
}

function fails({ job, slices, tasks, result }: Seen): string {
  const poison = slices.some(({ done, round }) =>
    done.some((entry) => entry.end === "poison" && entry.round === round),
  );
  if (job.count > 1) return `${ofAll(tasks.failed, job.count)} failed${poison ? ", or took their workers down" : ""}`;
  if (poison) return "failed: too many workers vanished while running it";
  return result ? `failed: ${howItEnded(result)}` : "failed";
}

function howItEnded({ outcome, exitCode, signal, reason }: TaskResult): string {
  switch (outcome) {
    case "exited":
      return `exit code ${exitCode}`;
    case "signalled":
      return `killed by ${signal ?? `signal ${exitCode - 128}`}`;
    case "timed_out":
      return reason ?? "its time limit passed";
    case "limit":
      return reason ?? "it went over a limit";
    case "not_started":
      return reason ?? `could not be started (exit code ${exitCode})`;
  }
}

function nearestDelayed(slices: readonly Slice[]): OpenRange | undefined {
  const delayed = slices.flatMap((slice) => slice.open.filter((range) => range.notBefore !== undefined));
  return delayed.sort((a, b) => (a.notBefore ?? 0) - (b.notBefore ?? 0))[0];
}

const times = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

const ofAll = (n: number, count: number): string => (count === 1 ? "it" : `${n} of ${count} tasks`);
