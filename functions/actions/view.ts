import type { JobSpec, JobView } from "../../contract/job.ts";
import { isFinal } from "../domain/job.ts";
import { sliceOf } from "../domain/only-slice.ts";
import type { Job, Slice } from "../domain/records.ts";
import { statusOf } from "../domain/status.ts";
import { sliceId } from "../store/keys.ts";
import type { World } from "./call.ts";
import { allDone, createResults, names } from "./results.ts";

/** A long command is cut in views: a page of them must fit into one answer. `show` has the spec whole. */
const MOST_COMMAND_CHARACTERS = 2000;
/** Leases shown of a large array. */
const MOST_RUNNING = 100;

/** A job as its owner sees it. */
export async function viewJob(world: World, job: Job): Promise<JobView> {
  const [spec, slices] = await Promise.all([world.specs.read(job), slicesOf(world, job)]);
  const result = await lastResult(world, job, slices);
  const state = statusOf(job, slices, result);
  const { id, owner, name, count, round, times } = job;
  return {
    id,
    owner,
    ...(name !== undefined && { name }),
    count,
    round,
    // Each commit counts one version up, of the header or of a slice.
    version: slices.reduce((sum, slice) => sum + (job.only ? 0 : slice.version), job.version),
    command: cut(spec.command),
    createdAt: times.createdAt,
    ...(times.endedAt !== undefined && { endedAt: times.endedAt }),
    ...state,
    running: state.running.slice(0, MOST_RUNNING),
    ...(result && { result }),
  };
}

/** The slices that tell what the job does now; once it ended its header has their sums. */
export async function slicesOf(world: World, job: Job): Promise<Slice[]> {
  const only = sliceOf(job);
  if (only) return [only];
  return job.sums && !isFinal(job) ? readSlices(world, job) : [];
}

/** All slices of a job that are written. */
export async function readSlices({ store }: World, job: Job): Promise<Slice[]> {
  const only = sliceOf(job);
  if (only) return [only];
  const ids = Array.from({ length: job.slices }, (_, number) => sliceId(job.id, number));
  return (await store.get("slice", ids)).filter((slice) => slice !== undefined);
}

/** Without outputs and log, which may be long and which the operations of these names answer. */
async function lastResult({ store }: World, job: Job, [slice]: Slice[]): Promise<JobView["result"]> {
  if (job.count > 1 || !slice) return undefined;
  const last = (await allDone(store, slice)).findLast((entry) => names(entry, 0));
  const found = last && (await createResults(store, job.id)(last, 0));
  if (!found) return undefined;
  const { outputs: _, log: __, ...result } = found;
  return result;
}

function cut(command: JobSpec["command"]): string[] {
  let left = MOST_COMMAND_CHARACTERS;
  const words: string[] = [];
  for (const word of command) {
    if (word.length > left) return [...words, `${word.slice(0, left)}…`];
    words.push(word);
    left -= word.length + 1;
  }
  return words;
}
