import type { Principal } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";

/** Refuses a job that this token may not submit. */
export function assertInScope(who: Principal, { queue, priority }: { queue: string; priority: number }): void {
  const { maxPriority } = who.scopes ?? {};
  if (!isQueueInScope(who, queue)) {
    const allowed = who.scopes?.queues?.join(", ");
    throw new RendtError("out_of_scope", `token ${who.token} may not submit to queue ${queue}: only to ${allowed}`);
  }
  if (maxPriority !== undefined && priority > maxPriority) {
    const message = `token ${who.token} may give a head start of ${maxPriority} s at most, not ${priority}`;
    throw new RendtError("out_of_scope", message, { details: { maxPriority } });
  }
}

export const isQueueInScope = ({ scopes }: Principal, queue: string): boolean =>
  scopes?.queues?.includes(queue) ?? true;
