import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { createLink } from "../auth-link.ts";
import { applyToJob } from "./apply.ts";
import type { Call } from "./call.ts";
import { assertOwn, ownJob } from "./own-job.ts";

/** Makes a link to one job: whoever holds it reads that job, its logs and its outputs, until it expires or all links are taken back. */
export async function link({ world, who }: Call, request: ParsedRequestOf<"link">): Promise<AnswerOf<"link">> {
  const { id, forMs, revoke } = request;
  if (forMs === undefined && !revoke) {
    throw new RendtError("bad_request", "say how long the link is to be good (forMs), or revoke the old ones");
  }
  const job = revoke
    ? assertOwn(
        await applyToJob(world, id, (found) => ({ ...assertOwn(found, who, id), links: (found.links ?? 0) + 1 })),
        who,
        id,
      )
    : await ownJob(world, who, id);
  if (forMs === undefined) return {};
  const expiresAt = world.clock() + forMs;
  return { link: createLink({ job: job.id, round: job.links ?? 0, expiresAt }, world.secret), expiresAt };
}
