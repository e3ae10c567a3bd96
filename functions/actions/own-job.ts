import type { Principal } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";
import type { Job } from "../domain/records.ts";
import type { World } from "./call.ts";

/** A job of the asker's account. That one exists and belongs to somebody else is nobody's business: both are `not_found`. */
export async function ownJob(world: World, who: Principal, id: string): Promise<Job> {
  const [job] = await world.store.get("job", [id]);
  return assertOwn(job, who, id);
}

/** Of one's account; of all its jobs a link names just one. */
export const isOwn = (job: Job, who: Principal): boolean =>
  job.owner === who.account && (who.job === undefined || who.job === job.id);

export function assertOwn(job: Job | undefined, who: Principal, id: string): Job {
  if (job && isOwn(job, who)) return job;
  throw new RendtError("not_found", `account ${who.account} has no job ${JSON.stringify(id)}`);
}
