import type { Client } from "../contract/client.ts";
import type { JobView } from "../contract/job.ts";
import { MAX_GET_JOBS, MAX_WAIT_MS } from "../contract/limits.ts";
import { sleep } from "../contract/retry.ts";
import { Failure } from "./failure.ts";
import { getJobs, hasEnded, present } from "./jobs.ts";
import { formatDuration } from "./units.ts";

export type Waiting = {
  ids: readonly string[];
  /** Wait no longer than this. */
  timeoutMs?: number | undefined;
  /** The first end is enough. */
  any?: boolean | undefined;
  signal?: AbortSignal | undefined;
};

/** Waits until the jobs have ended; answers them all as they then stand. Running out of time is `waited_too_long`; the jobs go on. */
export async function waitForJobs(client: Pick<Client, "get">, waiting: Waiting): Promise<JobView[]> {
  const { ids, timeoutMs, any, signal } = waiting;
  const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
  const jobs = new Map((await getJobs(client, ids)).map((job) => [job.id, job]));
  for (;;) {
    const open = [...jobs.values()].filter((job) => !hasEnded(job));
    if (open.length === 0 || (any && open.length < jobs.size)) return [...jobs.values()];
    const left = deadline - performance.now();
    if (left <= 0) throw tooLong(open, timeoutMs ?? 0);
    const asked = open.slice(0, MAX_GET_JOBS).map(({ id }) => id);
    const wait = Math.ceil(Math.min(left, MAX_WAIT_MS));
    const { items, retryAfterMs = 0 } = await client.get({ ids: asked, wait, until: "ended" }, { signal });
    for (const job of items.map(present)) jobs.set(job.id, job);
    if (retryAfterMs > 0 && !items.some((item) => hasEnded(present(item))))
      await sleep(Math.min(retryAfterMs, Math.max(0, deadline - performance.now())), signal);
  }
}

function tooLong(open: readonly JobView[], timeoutMs: number): Failure {
  const ids = open.map(({ id }) => id);
  const named = ids.length > 3 ? `${ids.slice(0, 3).join(" ")} and ${ids.length - 3} more` : ids.join(" ");
  return new Failure("waited_too_long", `waited ${formatDuration(timeoutMs)}, and not ended yet: ${named}`, {
    hint: `it goes on: rendt wait ${ids[0]}`,
  });
}

/** The exit code of `wait` and `submit --wait`: 0 when all of these succeeded. */
export const exitOfJobs = (jobs: readonly Pick<JobView, "status">[]): number =>
  jobs.every(({ status }) => status === "finished") ? 0 : 1;
