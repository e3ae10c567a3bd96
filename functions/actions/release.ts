import { RendtError } from "../../contract/errors.ts";
import type { JobSpec } from "../../contract/job.ts";
import { WATCH_MS } from "../../contract/limits.ts";
import { blobsOf } from "../../contract/manifest.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { release as released } from "../domain/job.ts";
import { termsOf } from "../domain/new-slice.ts";
import { sliceOf, withSlice } from "../domain/only-slice.ts";
import { orderOf } from "../domain/order.ts";
import type { Job } from "../domain/records.ts";
import { applyToJob } from "./apply.ts";
import type { Call, World } from "./call.ts";
import { findMissing } from "./inputs.ts";
import { ownJob } from "./own-job.ts";
import { finishRelease } from "./resume.ts";
import { viewJob } from "./view.ts";

/** A task is booked as this much work while nobody knows better: enough that a small job overtakes a large one of another account. */
const TASK_COST_MS = 1000;
/** One account's booked work leads by at most this; past it its jobs keep the order of their arrival. */
const MAX_LEAD_MS = 86_400_000;

/** Puts a job into its queue once its inputs are there; asking again is nothing. */
export async function release({ world, who }: Call, { id }: ParsedRequestOf<"release">): Promise<AnswerOf<"release">> {
  const job = await ownJob(world, who, id);
  if (job.phase !== "uploading") return viewJob(world, job);
  const spec = await world.specs.read(job);
  if (spec.inputs) {
    const place = { owner: job.owner, createdAt: job.times.createdAt };
    const missing = await findMissing(world, place, blobsOf(spec.inputs));
    if (missing.length > 0) {
      const names = missing.slice(0, 3).map(({ sha256 }) => sha256);
      const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : "";
      throw new RendtError("inputs_missing", `not uploaded yet: ${names.join(", ")}${more}`, { details: { missing } });
    }
  }
  const header = await applyToJob(world, id, (before) => releaseHeader(world, before, spec));
  const after = header?.phase === "releasing" ? await finishRelease(world, header) : header;
  return viewJob(world, after ?? job);
}

/** The header of a job whose inputs are there; a single job is in its queue with it. */
export async function releaseHeader(world: World, job: Job, spec: Omit<JobSpec, "items">): Promise<Job> {
  if (job.phase !== "uploading") return job;
  const now = world.clock();
  const want = { costMs: job.count * TASK_COST_MS, now, maxLeadMs: MAX_LEAD_MS };
  const order = orderOf(await world.store.reserve(job.owner, want), spec.priority);
  const header = released({ ...job, order }, termsOf(spec), now);
  const slice = sliceOf(header);
  return slice && job.watch ? withSlice(header, { ...slice, watchUntil: now + WATCH_MS }) : header;
}
