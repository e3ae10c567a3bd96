import { arch, cpus, hostname, platform, totalmem } from "node:os";
import { jobId } from "../../contract/job.ts";
import { randomDigits } from "../../contract/node-random.ts";
import type { WorkerInfo } from "../../contract/worker.ts";
import { Failure, usage } from "../failure.ts";
import { identity, readState, type Working, working, writeState } from "./state.ts";

/** The id that a worker's verb names; workers can't list jobs, so nothing shorter is understood. */
export function readId(words: readonly string[]): string {
  const [id = ""] = words;
  if (jobId.safeParse(id).success) return id;
  throw usage(`${JSON.stringify(id)} is no job id`, "`rendt step get` lists the ids of jobs that can be claimed");
}

/** This folder as a worker: one slot, the same id for every verb. */
export function workerHere(): WorkerInfo {
  let known = readState(identity, "worker");
  if (!known) {
    known = { id: `w${randomDigits(12)}` };
    writeState("worker", known);
  }
  return {
    id: known.id,
    name: `${hostname()} by hand`.slice(0, 100),
    slots: 1,
    version: RENDT_VERSION,
    os: platform(),
    arch: arch(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    sandbox: "none",
  };
}

/** What this folder holds of a job that it claimed; `not_your_lease` when it claimed none. */
export function workOn(id: string): Working {
  const known = readState(working, `${id}.working`);
  if (known) return known;
  throw new Failure("not_your_lease", `this folder has not claimed ${id}`, { hint: `rendt step exec-perm ${id}` });
}

/** Another worker holds the job now, or its owner cancelled it: what was done here does not count. */
export const lostWork = (id: string): Failure =>
  new Failure("lease_lost", `${id} was taken from this folder: what was done here does not count`, {
    hint: `\`rendt step exec-perm ${id}\` claims it again, if it is still open`,
  });

export const keepWork = (id: string, work: Working): void => writeState(`${id}.working`, work);

/** The index of the task; a claim of a named job is for one task. */
export function indexOf({ lease }: Pick<Working, "lease">): number {
  const { start = 0, step = 1 } = lease.spec.array ?? {};
  return start + step * lease.from;
}

/** What replaces `{}` in the command: the item, or in an array without items the index. */
export function itemOf(work: Working): string | undefined {
  const { items, spec } = work.lease;
  return items?.[0] ?? (spec.array ? String(indexOf(work)) : undefined);
}
