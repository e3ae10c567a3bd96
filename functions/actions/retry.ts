import { RendtError } from "../../contract/errors.ts";
import { blobsOf } from "../../contract/manifest.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { retryJob } from "../domain/job.ts";
import { sliceOf } from "../domain/only-slice.ts";
import type { Job } from "../domain/records.ts";
import { applyToJob, readDonePages } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { findMissing } from "./inputs.ts";
import { assertOwn, ownJob } from "./own-job.ts";
import { toRefusal } from "./refusal.ts";
import { finishRetry } from "./resume.ts";
import { viewJob } from "./view.ts";

const MAX_UNDER_WAY = 16;

/** Runs the tasks without success again, in a new round. */
export async function retry({ world, who }: Call, request: ParsedRequestOf<"retry">): Promise<AnswerOf<"retry">> {
  const items = await mapAtMost(MAX_UNDER_WAY, request.ids, async (id) => {
    try {
      const seen = await ownJob(world, who, id);
      await assertInputs(world, seen);
      const round = request.round ?? seen.round;
      const header = await applyToJob(world, id, (job) => again(world, assertOwn(job, who, id), round));
      const job = assertOwn(header, who, id);
      return await viewJob(world, job.phase === "retrying" ? await finishRetry(world, job) : job);
    } catch (error) {
      return { id, error: toRefusal(error) };
    }
  });
  return { items };
}

async function again(world: World, job: Job, round: number): Promise<Job> {
  const slice = sliceOf(job);
  const pages = slice?.pages && (await readDonePages(world.store, slice));
  const next = retryJob(job, { round, ...(pages && { pages }) }, world.clock());
  if (!("code" in next)) return next;
  if (next.code === "needs_pages") throw new RendtError("internal", `retry of ${job.id}: ${next.message}`);
  throw new RendtError(next.code, next.message);
}

/** Inputs of a job that was released may have passed their retention since. */
async function assertInputs(world: World, job: Job): Promise<void> {
  const { inputs } = await world.specs.read(job);
  if (!inputs || job.times.releasedAt === undefined) return;
  const missing = await findMissing(world, { owner: job.owner, createdAt: job.times.createdAt }, blobsOf(inputs));
  if (missing.length === 0) return;
  throw new RendtError("inputs_gone", `${missing.length} inputs of job ${job.id} are no longer stored`, {
    details: { missing },
  });
}
