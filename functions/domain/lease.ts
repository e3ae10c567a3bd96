import { CLAIM_MS, LEASE_WORK_MS, MAX_HOLD_MS, MAX_LEASE_TASKS, RENEWAL_MS } from "../../contract/limits.ts";
import type { Claim, Decide, Granted, Renew } from "./commands.ts";
import { isFresh, type Span, sizeOf, without } from "./ranges.ts";
import type { Slice } from "./records.ts";
import { expiryOf, settle } from "./settle.ts";
import type { LiveLease, OpenRange } from "./slice-record.ts";

/** A lease holds at least this much work where tasks are short, so that sharing costs no more than it brings. */
const LEAST_WORK_MS = 250;

/** Grants up to as many leases as ids were given, each on the first range that is free for this worker (lifecycle.md, rule 6). */
export const claim: Decide<"claim"> = (slice, command, now) => {
  const held = command.leases.filter((id) => slice.leases[id]?.worker === command.worker);
  if (held.length > 0) return { slice, answer: { leases: granted(slice, held, now), avoided: false } };

  const taken: string[] = [];
  let next = slice;
  for (const id of command.leases) {
    const range = next.open.find((each) => isFree(next, each, command, now));
    if (!range || Object.keys(next.leases).length >= next.cap) break;
    next = take(next, range, id, command, now);
    taken.push(id);
  }
  const leases = granted(next, taken, now);
  if (taken.length === 0) return { slice, answer: { leases, avoided: isAvoided(slice, command, now) } };
  const times = { ...next.times, startedAt: next.times.startedAt ?? now };
  return { slice: settle({ ...next, times }, now), answer: { leases, avoided: false } };
};

/** A renewal of a lease that was lost takes up again what is still open of it, unless the slice has its most leases (rule 9). */
export const renew: Decide<"renew"> = (slice, command, now) => {
  const lease = slice.leases[command.lease];
  if (lease && lease.worker !== command.worker) return { slice, answer: { state: "lost" } };
  const next = lease ? prolonged(slice, lease, command, now) : takenUpAgain(slice, command, now);
  const held = next?.leases[command.lease];
  if (!next || !held) return { slice, answer: { state: "lost" } };
  return {
    slice: settle(next, now),
    answer: {
      state: "held",
      from: held.from,
      upTo: held.upTo,
      goodForMs: held.expiresAt - now,
      watch: isWatched(next, now),
    },
  };
};

/**
 * How many tasks a lease takes: one while nobody knows how long a task runs, then about 30 s of work, but no more than half of an equal
 * share of what the job still has, so that the last tasks of an array spread over all slots that ask.
 */
export function leaseTasks(
  open: number,
  known: { taskMs?: number | undefined; sharers: number; elsewhere?: number | undefined },
): number {
  if (known.taskMs === undefined) return 1;
  const taskMs = Math.max(1, known.taskMs);
  const fair = Math.ceil((open + (known.elsewhere ?? 0)) / (2 * known.sharers));
  const share = Math.max(fair, Math.ceil(LEAST_WORK_MS / taskMs));
  return Math.max(1, Math.min(open, share, evenly(open, Math.floor(LEASE_WORK_MS / taskMs)), MAX_LEASE_TASKS));
}

/** About `most` each, but all alike: a short rest would cost as much as a whole lease. */
function evenly(tasks: number, most: number): number {
  return Math.ceil(tasks / Math.max(1, Math.round(tasks / Math.max(1, most))));
}

function isFree(slice: Slice, range: OpenRange, command: Claim, now: number): boolean {
  return isOffered(slice, range, now) && !keepsAway(range, command, now);
}

function isOffered(slice: Slice, range: OpenRange, now: number): boolean {
  if (range.notBefore !== undefined && range.notBefore > now) return false;
  const late = slice.pastExpiry || (slice.expiresAt !== undefined && slice.expiresAt <= now);
  return !(late && isFresh(range));
}

function keepsAway({ avoid }: OpenRange, command: Claim, now: number): boolean {
  return avoid?.worker === command.worker && avoid.until > now && !command.named && !command.alone;
}

function isAvoided(slice: Slice, command: Claim, now: number): boolean {
  if (Object.keys(slice.leases).length >= slice.cap) return false;
  return slice.open.some((range) => isOffered(slice, range, now) && keepsAway(range, command, now));
}

function take(slice: Slice, range: OpenRange, id: string, command: Claim, now: number): Slice {
  const span = { from: range.from, upTo: range.from + tasksFor(slice, range, command) };
  const lease: LiveLease = {
    ...span,
    tries: range.tries,
    crashes: range.crashes,
    worker: command.worker,
    expiresAt: now + holdOf(command),
    renewed: false,
    phase: "executing",
    ...(command.counted && { counted: true }),
    ...(command.holdMs !== undefined && { holdMs: holdOf(command) }),
    ...((range.was || range.crashes > 0) && { renewFirst: true }),
  };
  return { ...slice, open: without(slice.open, span), leases: { ...slice.leases, [id]: lease } };
}

const holdOf = (command: Claim): number => Math.min(MAX_HOLD_MS, Math.max(CLAIM_MS, command.holdMs ?? 0));

/** A range that may have killed a worker is tried one task at a time, so that the loss tells which task it was (rule 14). */
function tasksFor(slice: Slice, range: OpenRange, command: Claim): number {
  if (command.named || range.crashes > 0) return 1;
  const open = slice.open.reduce((sum, each) => sum + sizeOf(each), 0);
  const sharers = Math.max(1, command.sharers ?? command.leases.length);
  const most = Math.min(sizeOf(range), command.most ?? MAX_LEASE_TASKS);
  return Math.min(
    most,
    leaseTasks(open, { taskMs: slice.taskMs ?? command.taskMs, sharers, elsewhere: command.elsewhere }),
  );
}

function granted(slice: Slice, ids: readonly string[], now: number): Granted[] {
  return ids.flatMap((id) => {
    const lease = slice.leases[id];
    if (!lease) return [];
    return {
      lease: id,
      from: lease.from,
      upTo: lease.upTo,
      try: lease.tries + 1,
      goodForMs: lease.expiresAt - now,
      renewFirst: lease.renewFirst === true,
      watch: isWatched(slice, now),
    };
  });
}

const isWatched = (slice: Slice, now: number): boolean => (slice.watchUntil ?? 0) > now;

function prolonged(slice: Slice, lease: LiveLease, command: Renew, now: number): Slice {
  return { ...slice, leases: { ...slice.leases, [command.lease]: renewed(lease, command, now) } };
}

function renewed(lease: LiveLease, command: Renew, now: number): LiveLease {
  const { renewFirst: _, paused: __, ...rest } = lease;
  return {
    ...rest,
    expiresAt: Math.max(expiryOf(lease, now), now + RENEWAL_MS),
    renewed: true,
    phase: command.delivering ? "delivering" : "executing",
    ...(command.paused && { paused: true }),
  };
}

/** Of several parts the last: a lease works upwards, so its child is there, and results of the others still count by `was`. */
function takenUpAgain(slice: Slice, command: Renew, now: number): Slice | undefined {
  if (Object.keys(slice.leases).length >= slice.cap) return undefined;
  const part = slice.open.findLast((range) => isLostBy(range, command));
  if (!part) return undefined;
  const span: Span = { from: part.from, upTo: part.upTo };
  const lease: LiveLease = {
    ...span,
    tries: part.tries,
    crashes: part.crashes - (part.was?.crashed ? 1 : 0),
    worker: command.worker,
    expiresAt: now,
    renewed: true,
    phase: "executing",
  };
  return prolonged({ ...slice, open: without(slice.open, span) }, lease, command, now);
}

/** Whether this lease lost the range and nobody took it since. */
export const isLostBy = (range: OpenRange, by: { lease: string; worker: string }): boolean =>
  range.was?.lease === by.lease && range.was.worker === by.worker;
