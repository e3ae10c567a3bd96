import { MAX_HOLD_MS, RENEWAL_MS } from "../../contract/limits.ts";
import { isFresh, joined } from "./ranges.ts";
import type { Slice } from "./records.ts";
import type { LiveLease, OpenRange } from "./slice-record.ts";

/** How long a worker is kept from a range that it failed or gave back (lifecycle.md, rules 11 and 12). */
export const AVOID_MS = 60_000;

const FIRST_BACKOFF_MS = 1000;
export const MAX_BACKOFF_MS = 5 * 60_000;

/** Wait before the next try: 1 s, 2 s, 4 s … 5 min. */
export const backoffMs = (tries: number): number => Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (tries - 1));

/** When a lease ends; one further off than its longest legal span was written by a clock that ran ahead (rule 1). */
export function expiryOf(lease: LiveLease, now: number): number {
  const span = Math.max(RENEWAL_MS, Math.min(MAX_HOLD_MS, lease.holdMs ?? 0));
  return Math.min(lease.expiresAt, now + span);
}

/** What every commit does last: takes off timers that ran out, joins ranges, ends the slice when nothing is left, and sets `wakeAt`. */
export function settle(slice: Slice, now: number): Slice {
  const open = tidied(slice.open, now);
  const next = open === slice.open ? slice : { ...slice, open };
  if (Object.keys(next.leases).length > 0) return woken(next);
  if (open.length === 0) return ended(next, next.failed > 0 ? "failed" : "finished", now);
  if (next.pastExpiry && open.every(isFresh)) return ended(next, "expired", now);
  return woken(next);
}

/** A final slice holds no lease, no open task and no timer. */
export function ended(slice: Slice, status: "finished" | "failed" | "cancelled" | "expired", now: number): Slice {
  const { wakeAt: _, ...rest } = slice;
  return { ...rest, status, open: [], leases: {}, times: { ...slice.times, endedAt: now } };
}

/** The nearest time at which the sweep has something to do. */
export function nearestTimer(slice: Slice): number | undefined {
  const timers = Object.values(slice.leases).map((lease) => lease.expiresAt);
  for (const range of slice.open) if (range.notBefore !== undefined) timers.push(range.notBefore);
  if (slice.expiresAt !== undefined && !slice.pastExpiry && slice.open.some(isFresh)) timers.push(slice.expiresAt);
  return timers.length === 0 ? undefined : Math.min(...timers);
}

/** A commit may move `wakeAt` earlier, never later: that is for the sweep (rule 5). */
function woken(slice: Slice): Slice {
  const nearest = nearestTimer(slice);
  if (nearest === undefined || (slice.wakeAt !== undefined && slice.wakeAt <= nearest)) return slice;
  return { ...slice, wakeAt: nearest };
}

/** The very array when there is nothing to tidy, so that a sweep can tell that nothing changed. */
function tidied(open: OpenRange[], now: number): OpenRange[] {
  const next = joined(open.map((range) => relieved(range, now)));
  return next.length === open.length && next.every((range, i) => range === open[i]) ? open : next;
}

function relieved(range: OpenRange, now: number): OpenRange {
  const { notBefore, avoid, ...rest } = range;
  if ((notBefore ?? Number.POSITIVE_INFINITY) > now && (avoid?.until ?? Number.POSITIVE_INFINITY) > now) return range;
  return {
    ...rest,
    ...(notBefore !== undefined && notBefore > now && { notBefore }),
    ...(avoid && avoid.until > now && { avoid }),
  };
}
