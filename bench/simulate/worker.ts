import type { Claim, Finish, FinishAnswer, Granted, Refused, Renew, Verdict } from "../../functions/domain/commands.ts";
import { drawIds, eachOf, type SimLease, type SimWorker, sliceIn, type World } from "./state.ts";
import { act } from "./world.ts";

/** A worker as lifecycle.md wants it: it runs in task order, offers results until they are answered, and keeps them. */

export const claimFor = (worker: SimWorker, leases: readonly string[]): Claim => ({
  kind: "claim",
  worker: worker.id,
  leases,
  sharers: 2,
});

/** The answer to a claim arrives. */
export function granted(worker: SimWorker, number: number, leases: readonly Granted[]): void {
  for (const { lease, from, upTo, renewFirst } of leases) {
    if (worker.leases.has(lease)) continue;
    worker.leases.set(lease, {
      id: lease,
      slice: number,
      from,
      upTo,
      end: Number.POSITIVE_INFINITY,
      mayRun: !renewFirst,
      results: new Map(),
      answered: new Set(),
    });
  }
}

/** The task whose child runs next, if any. */
export function nextOf(lease: SimLease): number | undefined {
  for (let position = lease.from; position < Math.min(lease.upTo, lease.end); position += 1) {
    if (!lease.results.has(position)) return position;
  }
  return undefined;
}

/** A worker renews only while it has the child or a result to hand in. */
export const isBusy = (lease: SimLease): boolean => nextOf(lease) !== undefined || unanswered(lease).length > 0;

export function runNext(lease: SimLease, verdict: Verdict): void {
  const position = nextOf(lease);
  if (lease.mayRun && position !== undefined) lease.results.set(position, verdict);
}

export function renewFor(worker: SimWorker, lease: SimLease): Renew {
  return { kind: "renew", worker: worker.id, lease: lease.id, delivering: nextOf(lease) === undefined };
}

/** Sends a renewal; the answer may not arrive. */
export function renewLease(world: World, worker: SimWorker, lease: SimLease, answered: boolean): void {
  if (!isBusy(lease)) return;
  const command = renewFor(worker, lease);
  world.mail.push({ slice: lease.slice, command });
  const answer = act<"renew">(world, lease.slice, command);
  if (!answered || !answer || "code" in answer) return;
  if (answer.state === "held") Object.assign(lease, { from: answer.from, upTo: answer.upTo, mayRun: true });
  else lease.mayRun = false;
}

/** The results that were not answered yet and follow on each other, as one finish. */
export function offerOf(worker: SimWorker, lease: SimLease, end?: Finish["end"]): Finish | undefined {
  const open = unanswered(lease);
  const from = open[0] ?? (end && tailOf(lease));
  if (from === undefined) return undefined;
  const verdicts: Verdict[] = [];
  for (let verdict = lease.results.get(from); verdict; verdict = lease.results.get(from + verdicts.length)) {
    verdicts.push(verdict);
  }
  if (end && from + verdicts.length < tailOf(lease)) return undefined;
  return {
    kind: "finish",
    worker: worker.id,
    lease: lease.id,
    from,
    verdicts,
    doc: { hash: `doc-${lease.id}-${from}-${verdicts.length}` },
    docFrom: from,
    taskMs: 10_000,
    ...(end && { end }),
  };
}

export function offer(world: World, lease: SimLease, command: Finish, answered: boolean): void {
  world.mail.push({ slice: lease.slice, command });
  const answer = act<"finish">(world, lease.slice, command);
  if (answered && answer) heard(lease, answer);
}

/** No task from here on will have a result of this lease. */
export function closeTail(lease: SimLease): void {
  lease.end = tailOf(lease);
}

/** A worker that the owner can always add: it takes what is there and does it well. */
export function workOff(world: World, worker: SimWorker, number: number): void {
  if (!sliceIn(world, number)) return;
  const ids = drawIds(world, 8);
  const answer = act<"claim">(world, number, claimFor(worker, ids));
  if (!answer || "code" in answer) return;
  granted(worker, number, answer.leases);
  for (const lease of worker.leases.values()) {
    renewLease(world, worker, lease, true);
    while (lease.mayRun && nextOf(lease) !== undefined) runNext(lease, "success");
    const command = offerOf(worker, lease);
    if (command) offer(world, lease, command, true);
    worker.leases.delete(lease.id);
  }
}

function heard(lease: SimLease, answer: FinishAnswer | Refused): void {
  if (!("code" in answer)) {
    for (const span of [...answer.accepted, ...answer.lost]) eachOf(span, (position) => lease.answered.add(position));
    return;
  }
  // Only a server that went back to a backup asks again for what it had accepted.
  if (answer.code !== "gap") throw new Error(`violation: a worker's own finish is refused: ${answer.message}`);
  const from = Number(answer.details?.["from"]);
  for (const position of lease.answered) if (position >= from) lease.answered.delete(position);
}

function unanswered(lease: SimLease): number[] {
  return [...lease.results.keys()].filter((position) => !lease.answered.has(position)).sort((a, b) => a - b);
}

/** Behind the last result. */
function tailOf(lease: SimLease): number {
  return Math.max(lease.from, ...[...lease.results.keys()].map((position) => position + 1));
}
