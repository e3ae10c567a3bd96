import { RendtError } from "../../contract/errors.ts";
import { readTextGlob } from "../../contract/glob.ts";
import type { JobView } from "../../contract/job.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { Job } from "../domain/records.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call } from "./call.ts";
import { viewJob } from "./view.ts";

const MAX_UNDER_WAY = 16;
/** Records looked at in one request: a rare name among many jobs is answered in several pages, some of them empty. */
const MAX_LOOKED_AT = 2000;

/** Jobs of the asker's account, newest first; `all` shows an admin those of all accounts. */
export async function list({ world, who }: Call, request: ParsedRequestOf<"list">): Promise<AnswerOf<"list">> {
  if (request.all && who.role !== "admin") {
    throw new RendtError("wrong_role", `'all' needs a token of the role admin; this one is of the role ${who.role}`);
  }
  const account = request.all ? undefined : who.account;
  const isNamed = request.name === undefined ? () => true : readTextGlob(request.name);
  const items: JobView[] = [];
  let cursor = request.cursor;
  let lookedAt = 0;
  do {
    const page = await world.store.list("job", account, {
      // Never more than still fit, so that the next page begins where this answer ends.
      limit: request.limit - items.length,
      ...(cursor !== undefined && { cursor }),
    });
    const named = page.items.filter((job: Job) => isNamed(job.name ?? ""));
    const views = await mapAtMost(MAX_UNDER_WAY, named, (job) => viewJob(world, job));
    items.push(...views.filter(({ status }) => request.status === undefined || status === request.status));
    lookedAt += page.items.length;
    cursor = page.next;
  } while (cursor !== undefined && items.length < request.limit && lookedAt < MAX_LOOKED_AT);
  return { items, ...(cursor !== undefined && { next: cursor }) };
}
