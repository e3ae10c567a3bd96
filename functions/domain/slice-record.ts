import * as z from "zod";
import { docRef, ms, times, version } from "./record-fields.ts";

/**
 * Positions, not indexes: a task's position p counts from 0, its index is `array.start + array.step · p`. Ranges are half open:
 * `from` ≤ p < `upTo`.
 */

/**
 * Tasks that nobody holds. `was`: the lease that lost them last; it may take them up again while they are open. `notBefore` and
 * `avoid` are taken off by the first commit after they ran out, so that a range with `notBefore` is one that is not claimable.
 */
export const openRange = z.lazy(() =>
  z.strictObject({
    from: z.int(),
    upTo: z.int(),
    tries: z.int(),
    crashes: z.int(),
    notBefore: ms.optional(),
    avoid: z.strictObject({ worker: z.string(), until: ms }).optional(),
    was: z.strictObject({ lease: z.string(), worker: z.string(), crashed: z.boolean() }).optional(),
  }),
);
export type OpenRange = z.infer<typeof openRange>;

export const liveLease = z.lazy(() =>
  z.strictObject({
    from: z.int(),
    upTo: z.int(),
    tries: z.int(),
    crashes: z.int(),
    worker: z.string(),
    expiresAt: ms,
    renewed: z.boolean(),
    phase: z.enum(["executing", "delivering"]),
    /** Its tasks stand still, because the owner of the machine needs it. */
    paused: z.boolean().optional(),
    /** Its tasks stand in their account's counter of running tasks. */
    counted: z.boolean().optional(),
    /** Of a job whose bytes are counted: the size of each blob that it was permitted to upload, by position and hash. */
    uploads: z.record(z.string(), z.int()).optional(),
    /** The longer first span that the claim asked for. */
    holdMs: z.int().optional(),
    /** Not to be spawned before a renewal was acknowledged (rule 8). */
    renewFirst: z.boolean().optional(),
  }),
);
export type LiveLease = z.infer<typeof liveLease>;

const cutLease = z.lazy(() => z.strictObject({ worker: z.string(), from: z.int(), upTo: z.int() }));

export const doneEnd = z.enum(["succeeded", "retrying", "failed", "poison"]);
/** An accepted finish: `doc` holds a TaskResult[] whose first is of position `docFrom` ≤ `from` (both absent for poison). */
export const doneEntry = z.lazy(() =>
  z.strictObject({
    lease: z.string(),
    worker: z.string(),
    from: z.int(),
    upTo: z.int(),
    end: doneEnd,
    at: ms,
    round: z.int(),
    doc: docRef.optional(),
    docFrom: z.int().optional(),
  }),
);
export type DoneEntry = z.infer<typeof doneEntry>;

export const sliceStatus = z.enum(["open", "finished", "failed", "cancelled", "expired"]);

/** Entries that no longer fit in `done`, oldest first, after those of the `pages` before it; an immutable document. */
export const donePage = z.lazy(() => z.strictObject({ pages: z.array(z.string()), done: z.array(doneEntry) }));
export type DonePage = z.infer<typeof donePage>;

/** Consecutive tasks of a job: the record that is queued, leased and locked. */
export const slice = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    job: z.string(),
    number: z.int(),
    owner: z.string(),
    queue: z.string(),
    class: z.string(),
    /** The exact requirement, where the class says less: of pinned tasks, and of classes that are rounded. */
    demand: z.string().optional(),
    /** Sort key in its queue: virtual time in ms less the head start; smaller is sooner. */
    order: z.int(),
    round: z.int(),
    version,
    status: sliceStatus,
    from: z.int(),
    upTo: z.int(),
    open: z.array(openRange),
    leases: z.record(z.string(), liveLease),
    /** What a cancel took away; its workers may still tell what those tasks had printed, and nothing else. */
    cut: z.record(z.string(), cutLease).optional(),
    /** Most live leases at once. */
    cap: z.int(),
    done: z.array(doneEntry),
    /** DonePage documents with the older entries of `done`, oldest first. */
    pages: z.array(z.string()).optional(),
    succeeded: z.int(),
    failed: z.int(),
    crashLimit: z.int(),
    maxTries: z.int(),
    /** Of a job whose bytes are counted: those of the outputs and logs that were handed in. */
    bytes: z.int().optional(),
    /** Which exit codes are success and which are worth a retry, when not the usual. */
    codes: z.strictObject({ success: z.array(z.int()).optional(), retry: z.array(z.int()).optional() }).optional(),
    /** Observed ms of a task, smoothed: sizes the next lease. */
    taskMs: z.int().optional(),
    /** `--expires`: fresh ranges are not offered from here on. */
    expiresAt: ms.optional(),
    /** The sweep has seen `expiresAt` pass. */
    pastExpiry: z.boolean().optional(),
    /** Nearest time at which the sweep has something to do; never later than the nearest timer. */
    wakeAt: ms.optional(),
    watchUntil: ms.optional(),
    times,
  }),
);

/**
 * The one slice of a job, less what its header says already and what is as usual: the record of a single job is to stay within one
 * write unit. `sliceOf` and `withSlice` (domain/only-slice.ts) read and write it.
 */
export const onlySlice = z.lazy(() =>
  slice
    .unwrap()
    .omit({
      v: true,
      job: true,
      number: true,
      owner: true,
      queue: true,
      class: true,
      demand: true,
      order: true,
      round: true,
      version: true,
      from: true,
      upTo: true,
      wakeAt: true,
      times: true,
    })
    .partial({ open: true, leases: true, done: true, cap: true, crashLimit: true, maxTries: true }),
);
export type OnlySlice = z.infer<typeof onlySlice>;
