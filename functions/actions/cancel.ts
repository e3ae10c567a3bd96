import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { cancelJob } from "../domain/job.ts";
import { applyToJob } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call } from "./call.ts";
import { assertOwn } from "./own-job.ts";
import { toRefusal } from "./refusal.ts";
import { finishCancel } from "./resume.ts";
import { viewJob } from "./view.ts";

const MAX_UNDER_WAY = 16;

/** Cancels jobs; one that has ended, or another round than the one named, stays as it is. */
export async function cancel({ world, who }: Call, request: ParsedRequestOf<"cancel">): Promise<AnswerOf<"cancel">> {
  const items = await mapAtMost(MAX_UNDER_WAY, request.ids, async (id) => {
    try {
      const header = await applyToJob(world, id, (job, now) =>
        cancelJob(assertOwn(job, who, id), request.round ?? job.round, now),
      );
      const job = assertOwn(header, who, id);
      return await viewJob(world, job.due && job.phase === "cancelled" ? await finishCancel(world, job) : job);
    } catch (error) {
      return { id, error: toRefusal(error) };
    }
  });
  return { items };
}
