import type { Scopes } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";
import type { JobSpec } from "../../contract/job.ts";
import type { WorkerRecord } from "../domain/records.ts";

/** Offers to strangers; read by workers that can hold them in a strict sandbox. */
export const PUBLIC = "public";

/** Work that nobody else may offer to this account's machines: a queue is a grant of trust (design.md §4). */
export const ownQueue = (account: string): string => `@${account}`;
/** Whose machines a queue is for alone. */
export const ownerOf = (queue: string): string | undefined => (queue === PUBLIC ? undefined : queue.slice(1));

/** Where a job waits. Another account's queue would be a way onto its machines. */
export function queueOf(account: string, { queue }: Pick<JobSpec, "queue">): string {
  const own = ownQueue(account);
  if (queue === undefined || queue === own) return own;
  if (queue === PUBLIC) return PUBLIC;
  throw new RendtError("bad_request", `there is no queue '${queue}' for account ${account}: use ${own} or ${PUBLIC}`);
}

/** The queues that a worker reads, its own account's first; a token with scopes, and the machine's owner, may leave some out. */
export function queuesOf(worker: Pick<WorkerRecord, "account" | "sandbox" | "takes">, scopes?: Scopes): string[] {
  const wanted = worker.takes?.queues ?? ["own", "public"];
  const all = [
    ...(wanted.includes("own") ? [ownQueue(worker.account)] : []),
    ...(wanted.includes("public") && worker.sandbox === "strict" ? [PUBLIC] : []),
  ];
  return all.filter((queue) => scopes?.queues?.includes(queue) ?? true);
}

/** Whether the owner of the machine wants jobs of this account. */
export const takesJobsOf = ({ takes }: Pick<WorkerRecord, "takes">, account: string): boolean =>
  takes?.accounts?.includes(account) ?? true;
