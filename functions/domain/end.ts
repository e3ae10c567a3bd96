import type { Decide } from "./commands.ts";
import { needsPages } from "./finish.ts";
import { type Span, sizeOf } from "./ranges.ts";
import type { Slice } from "./records.ts";
import { AVOID_MS, backoffMs, ended, expiryOf, nearestTimer, settle } from "./settle.ts";
import type { DoneEntry, LiveLease, OpenRange } from "./slice-record.ts";

/** The sweep: leases that lapsed go back, `--expires` takes effect, and `wakeAt` moves to the nearest timer (lifecycle.md, rules 3, 14, 15). */
export const expire: Decide<"expire"> = (slice, command, now) => {
  let next: Slice = slice;
  for (const [id, lease] of Object.entries(slice.leases)) {
    const expiresAt = Math.max(expiryOf(lease, now), command.holdUntil ?? 0);
    if (expiresAt <= now) next = lose(next, id, lease, now);
    else if (expiresAt !== lease.expiresAt)
      next = { ...next, leases: { ...next.leases, [id]: { ...lease, expiresAt } } };
  }
  const open = next.open.map((range) => inReach(range, now));
  if (open.some((range, i) => range !== next.open[i])) next = { ...next, open };
  if (slice.expiresAt !== undefined && slice.expiresAt <= now && !slice.pastExpiry)
    next = { ...next, pastExpiry: true };
  return { slice: rewoken(settle(next, now)), answer: undefined };
};

/** Takes all leases and open tasks away; what was committed before counts (rule 17). Another round: the cancel has been answered by a retry. */
export const cancel: Decide<"cancel"> = (slice, command, now) => {
  if (command.round !== slice.round) return { slice, answer: undefined };
  return { slice: { ...ended(slice, "cancelled", now), ...cutFrom(slice) }, answer: undefined };
};

/** Only for reading what was printed: a lease that was cut has no other right (rule 17). */
function cutFrom({ leases }: Slice): Pick<Slice, "cut"> {
  const cut = Object.entries(leases).map(([id, { worker, from, upTo }]) => [id, { worker, from, upTo }] as const);
  return cut.length > 0 ? { cut: Object.fromEntries(cut) } : {};
}

/** Reopens exactly the tasks without success, with a clean history (rule 18). */
export const retry: Decide<"retry"> = (slice, command) => {
  if (command.round !== slice.round) return { slice, answer: undefined };
  if (slice.pages && !command.pages) return needsPages(slice);
  const { expiresAt: _, pastExpiry: __, wakeAt: ___, cut: ____, ...rest } = slice;
  const { endedAt: _____, ...times } = slice.times;
  const open = unsuccessful(slice, [...(command.pages ?? []), ...slice.done]).map(
    (span): OpenRange => ({ ...span, tries: 0, crashes: 0 }),
  );
  return {
    slice: { ...rest, status: "open", round: slice.round + 1, open, failed: 0, times },
    answer: undefined,
  };
};

/** A back-off or avoidance further off than it can be was written by a clock that ran ahead (rule 1). */
function inReach(range: OpenRange, now: number): OpenRange {
  const { tries, notBefore, avoid } = range;
  const latest = now + (tries > 0 ? backoffMs(tries) : Number.POSITIVE_INFINITY);
  const until = now + AVOID_MS;
  if ((notBefore === undefined || notBefore <= latest) && (!avoid || avoid.until <= until)) return range;
  return {
    ...range,
    ...(notBefore !== undefined && { notBefore: Math.min(notBefore, latest) }),
    ...(avoid && { avoid: { ...avoid, until: Math.min(avoid.until, until) } }),
  };
}

function lose(slice: Slice, id: string, lease: LiveLease, now: number): Slice {
  const { [id]: _, ...leases } = slice.leases;
  const { from, upTo, tries, worker } = lease;
  const crashed = lease.renewed;
  const crashes = lease.crashes + (crashed ? 1 : 0);
  if (crashed && sizeOf(lease) === 1 && crashes >= slice.crashLimit) {
    const entry: DoneEntry = { lease: id, worker, from, upTo, end: "poison", at: now, round: slice.round };
    return { ...slice, leases, failed: slice.failed + 1, done: [...slice.done, entry] };
  }
  const range: OpenRange = { from, upTo, tries, crashes, was: { lease: id, worker, crashed } };
  return { ...slice, leases, open: [...slice.open, range] };
}

/** Only here `wakeAt` may move later. */
function rewoken(slice: Slice): Slice {
  if (slice.status !== "open") return slice;
  const nearest = nearestTimer(slice);
  if (nearest === slice.wakeAt) return slice;
  const { wakeAt: _, ...rest } = slice;
  return nearest === undefined ? rest : { ...rest, wakeAt: nearest };
}

function unsuccessful(slice: Slice, done: readonly DoneEntry[]): Span[] {
  const successes = done.filter((entry) => entry.end === "succeeded").sort((a, b) => a.from - b.from);
  const spans: Span[] = [];
  let from = slice.from;
  for (const entry of successes) {
    if (entry.from > from) spans.push({ from, upTo: entry.from });
    from = Math.max(from, entry.upTo);
  }
  if (from < slice.upTo) spans.push({ from, upTo: slice.upTo });
  return spans;
}
