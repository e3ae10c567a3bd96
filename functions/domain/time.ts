import type { SweepState } from "./records.ts";

/** How far the stored time may lead the clock (lifecycle.md, rule 1). */
const MOST_LEAD_MS = 60_000;
/** A first renewal is due after 20 s and may be retried for 20 s more before its claim of 60 s lapses: so long may a server be away unseen. */
const LEAST_GAP_MS = 20_000;
/** How long no lease expires after the server was away: a renewal comes every 20 s, and a worker's retries are up to a minute apart. */
const GRACE_MS = 120_000;

/**
 * The server's time: the clock, but never behind the last time stored by more than the clock was set back within reason. A clock that
 * once ran 10 h ahead must not keep leases for 10 h.
 */
export const nowOf = (clock: number, lastNow: number): number =>
  Math.max(clock, Math.min(lastNow, clock + MOST_LEAD_MS));

/** What a sweep goes by; `state` is to be stored when it is through, so that one that broke off is begun again. */
export type SweepPlan = { state: SweepState; now: number; holdUntil?: number; walkAll: boolean };

/**
 * Begins a sweep (rule 4). After a gap longer than 20 s and two periods no lease expires for 120 s; a store that no sweep has seen is new,
 * and nobody was kept waiting by it. When the clock went back more than 60 s, `walkAll` asks for every due record once, because their
 * `wakeAt` were written by a clock that ran ahead.
 */
export function beginSweep(last: SweepState | undefined, clock: number, periodMs: number): SweepPlan {
  const now = nowOf(clock, last?.lastNow ?? 0);
  const away = last !== undefined && now - last.lastSweepAt > Math.max(LEAST_GAP_MS, 2 * periodMs);
  const hold = Math.max(away ? now + GRACE_MS : 0, Math.min(last?.holdExpiryUntil ?? 0, now + GRACE_MS));
  const holdUntil = hold > now ? { holdExpiryUntil: hold } : {};
  return {
    state: { v: 1, id: "sweep", version: (last?.version ?? 0) + 1, lastNow: now, lastSweepAt: now, ...holdUntil },
    now,
    ...(hold > now && { holdUntil: hold }),
    walkAll: last !== undefined && last.lastNow - clock > MOST_LEAD_MS,
  };
}
