import * as z from "zod";
import type { TaskResult } from "../contract/result.ts";
import { type FinishItem, type Free, type Lease, lease } from "../contract/worker.ts";
import { createMasker, type Masker } from "../files/mask/masker.ts";

/** A lease without what is only good for a moment: what a restarted worker has to know of it. */
export const storedLease = lease.unwrap().omit({
  grants: true,
  items: true,
  goodForMs: true,
  renewFirst: true,
  watch: true,
  // They are in memory only: a restarted worker starts none of its tasks again.
  secrets: true,
});
export type StoredLease = z.infer<typeof storedLease>;

/** Where the bytes of a finished task lie that are not in the store yet: its folder (and its user), the parts of its log. */
export const taskFiles = z.object({
  folder: z.string().optional(),
  uid: z.int().optional(),
  log: z.array(z.string()).optional(),
});
export type TaskFiles = z.infer<typeof taskFiles>;

/** A finished task on its way to the server: `ready` once all its bytes are in the store. */
export type Finished = {
  position: number;
  ready: boolean;
  result: TaskResult;
  /** When it ended, in ms of this machine's clock. */
  at: number;
  files?: TaskFiles | undefined;
  /** Its files are from before this machine's last start: only what is as it was noted then may be delivered. */
  unproven?: boolean | undefined;
};

/** A lease in this worker's hands, from claim to the last acknowledged result. */
export type Held = {
  readonly lease: StoredLease;
  readonly items: readonly string[] | undefined;
  readonly grants: Lease["grants"];
  readonly secrets?: Lease["secrets"];
  /** Names of the GPUs that are its own until it is over. */
  gpus?: readonly string[] | undefined;
  /** Takes the secrets out of whatever leaves the task, if it has any. */
  readonly masker?: Masker | undefined;
  /** First position that the server has not acknowledged. */
  from: number;
  /** The server may shorten it: tasks from here on are somebody else's. */
  upTo: number;
  /** Consecutive from `from`, as they ended. */
  finished: Finished[];
  /** Said after the last result, when this worker will do no more of it. */
  end?: FinishItem["end"];
  /** No child of it runs and none will. */
  over: boolean;
  /** Aborted when it is lost or cancelled: its child has to go. */
  readonly gone: AbortController;
  /** Until when a child may be started on the last acknowledged claim or renewal. */
  freshness: Freshness;
  /** Somebody reads along; `onWatch` hears of changes. */
  watch: boolean;
  onWatch?: (() => void) | undefined;
  /** The owner of this machine has stopped its child for a while. */
  paused?: boolean | undefined;
  /** Position of the child that runs now. */
  running?: number | undefined;
  readonly claimedAt: number;
};

/** Both clocks, because the monotonic one stands still while a laptop sleeps and the other may be set back. */
type Freshness = { monotonic: number; wall: number };

export const NOT_FRESH: Freshness = { monotonic: 0, wall: 0 };

/** Good for half of the span, counted from when it was asked for (lifecycle.md, rule 8). */
export function freshFor(askedAt: Asked, goodForMs: number): Freshness {
  return { monotonic: askedAt.monotonic + goodForMs / 2, wall: askedAt.wall + goodForMs / 2 };
}

export type Asked = Freshness;
export const asked = (): Asked => ({ monotonic: performance.now(), wall: Date.now() });

/** How many leases a call is to bring, and what they may take of this machine. */
export type Want = { leases: number; free?: Free };
/** What was asked for, and when. */
export type Claim = { askedAt: Asked; want: Want };

export function isFresh({ freshness }: Held): boolean {
  return performance.now() < freshness.monotonic && Date.now() < freshness.wall;
}

/** Takes up a lease that a claim answered. */
export function hold(claimed: Lease, askedAt: Asked): Held {
  const { grants, items, goodForMs, renewFirst, watch, secrets, ...lease } = claimed;
  return {
    lease,
    items,
    grants,
    secrets,
    masker: createMasker(secrets),
    from: lease.from,
    upTo: lease.upTo,
    finished: [],
    over: false,
    gone: new AbortController(),
    freshness: renewFirst ? NOT_FRESH : freshFor(askedAt, goodForMs),
    watch,
    claimedAt: performance.now(),
  };
}

/** The array's own value of a position. */
export function indexOf({ spec }: StoredLease, position: number): number {
  return spec.array ? spec.array.start + spec.array.step * position : position;
}

/** Gives back what is left of a lease; what has ended is still handed in. */
export function giveBack(held: Held, reason: string): void {
  // The first reason is the one to tell: what ends because of it has others.
  if (held.gone.signal.aborted || held.end) return;
  held.end = { kind: "released", reason: unsecret(held, reason).slice(0, 200) };
}

/** A text about a task, fit to be told. */
export const unsecret = ({ masker }: Held, text: string): string => masker?.text(text) ?? text;
