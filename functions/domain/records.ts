import * as z from "zod";
import { quotas, role, scopes } from "../../contract/account.ts";
import { buildOffer } from "../../contract/build.ts";
import { awayReason, measured, offer, takes } from "../../contract/worker.ts";

/**
 * The records that the store keeps, as lifecycle.md defines them. Positions, not indexes: a task's position p counts from 0, its
 * index is `array.start + array.step · p`. Ranges are half open: `from` ≤ p < `upTo`. Times are the server's ms.
 */

const version = z.int().min(0);
const ms = z.int();

/** Where an immutable JSON document is: in the record itself while that stays short, else by content hash in the store. */
export const docRef = z.lazy(() =>
  z.union([z.strictObject({ hash: z.string() }), z.strictObject({ inline: z.unknown() })]),
);
export type DocRef = z.infer<typeof docRef>;

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
    times: z.strictObject({
      createdAt: ms,
      releasedAt: ms.optional(),
      startedAt: ms.optional(),
      endedAt: ms.optional(),
    }),
  }),
);
export type Slice = z.infer<typeof slice>;

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

/** What the final slices of a job sum up to; `ended` has one bit for each (hexadecimal, slice 0 is the lowest bit). */
export const sums = z.lazy(() =>
  z.strictObject({
    succeeded: z.int(),
    failed: z.int(),
    /** Tasks that ended without a result of their own, because the job was cancelled or expired. */
    dropped: z.int(),
    ended: z.string(),
  }),
);
export type Sums = z.infer<typeof sums>;

/** Stages of a header. `releasing`, `retrying` and a `cancelled` that is due have slices still to be written. */
export const jobPhase = z.enum(["uploading", "releasing", "live", "retrying", "cancelled"]);

/** The header of a job. Once released, a job of one slice carries that slice in `only`; of several, slices are records of their own. */
export const job = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    owner: z.string(),
    name: z.string().optional(),
    version,
    round: z.int(),
    phase: jobPhase,
    /** Release, cancel or retry is not through all slices yet; the sweep resumes it. */
    due: z.boolean().optional(),
    wakeAt: ms.optional(),
    requestHash: z.string(),
    spec: docRef,
    count: z.int(),
    slices: z.int(),
    queue: z.string(),
    class: z.string(),
    demand: z.string().optional(),
    order: z.int(),
    keepMs: z.int(),
    watch: z.boolean().optional(),
    /** Its owner had quotas when it was made: its tasks are counted until it ends, the bytes of its inputs until it is removed. */
    metered: z.strictObject({ tasks: z.literal(true).optional(), bytes: z.int().optional() }).optional(),
    /** Counts up when all links to it are taken back. */
    links: z.int().optional(),
    times: z.strictObject({
      createdAt: ms,
      releasedAt: ms.optional(),
      startedAt: ms.optional(),
      endedAt: ms.optional(),
    }),
    only: onlySlice.optional(),
    /** Of a job of several slices. */
    sums: sums.optional(),
  }),
);
export type Job = z.infer<typeof job>;

/** What stays of a removed job for a day, so that a late duplicate of its create can't run it again. */
export const tombstone = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    owner: z.string(),
    version,
    requestHash: z.string(),
    removedAt: ms,
    wakeAt: ms,
    /** What is still to be removed: so many slices of their own, and what the only slice named. */
    slices: z.int().optional(),
    named: donePage.optional(),
  }),
);
export type Tombstone = z.infer<typeof tombstone>;

export const worker = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    account: z.string(),
    version,
    name: z.string(),
    slots: z.int(),
    build: z.string(),
    os: z.string(),
    arch: z.string(),
    cpus: z.int(),
    memoryBytes: z.int(),
    diskBytes: z.int().optional(),
    takes: takes.optional(),
    ...offer,
    ...measured,
    registeredAt: ms,
    lastSeenAt: ms,
    /** It is to take nothing new since then, and has had nothing in its hands since then. */
    drainingSince: ms.optional(),
    drainedAt: ms.optional(),
    /** By its own word it asks for nothing since then. */
    away: z.strictObject({ since: ms, why: awayReason }).optional(),
  }),
);
export type WorkerRecord = z.infer<typeof worker>;

/** Whoever holds tokens. An account without a record (one that is older than records of accounts) has no quotas. */
export const account = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    version,
    note: z.string().optional(),
    createdAt: ms,
    quotas,
  }),
);
export type AccountRecord = z.infer<typeof account>;

/** A token, found by the id in its text. Of the text itself only the SHA-256 is stored. */
export const token = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    hash: z.string(),
    account: z.string(),
    version,
    role,
    note: z.string().optional(),
    scopes: scopes.optional(),
    createdAt: ms,
    expiresAt: ms.optional(),
    revokedAt: ms.optional(),
    /** Begin of the day (UTC) on which it was last used: written once a day. */
    usedOn: ms.optional(),
  }),
);
export type TokenRecord = z.infer<typeof token>;

/** An enrolment code, found by the SHA-256 of its text: so many tokens of this kind may still be had for it. */
export const code = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    version,
    account: z.string(),
    role,
    note: z.string().optional(),
    scopes: scopes.optional(),
    uses: z.int(),
    /** How long a token that it is swapped for is good. */
    tokenMs: z.int(),
    createdAt: ms,
    wakeAt: ms,
  }),
);

/** What somebody did to accounts, tokens, codes and workers; written together with the deed, never changed. */
export const audit = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.string(),
    version,
    at: ms,
    /** Who: an account and its token; or a code, or `iam` and `first start` for what needed no token. */
    account: z.string(),
    by: z.string(),
    what: z.string(),
    target: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
);
export type AuditRecord = z.infer<typeof audit>;

/** What the sweep remembers (lifecycle.md, rules 1 and 4). */
export const sweepState = z.lazy(() =>
  z.strictObject({
    v: z.literal(1),
    id: z.literal("sweep"),
    version,
    lastNow: ms,
    lastSweepAt: ms,
    holdExpiryUntil: ms.optional(),
  }),
);
export type SweepState = z.infer<typeof sweepState>;

/** The build that is offered to workers: there is one at a time, whose id is `worker`. */
export const publishedBuild = z.lazy(() =>
  z.strictObject({ v: z.literal(1), id: z.literal("worker"), version, offer: buildOffer, sha256: z.string(), at: ms }),
);

/** What this server alone knows, where it has no file to keep it in: the cloud's Lambdas share it through the store. */
export const secret = z.lazy(() =>
  z.strictObject({ v: z.literal(1), id: z.literal("secret"), version, hex: z.string() }),
);

/** A slice's id is `<job>.<number>`, all others' their own. */
export const RECORDS = {
  job,
  slice,
  tombstone,
  worker,
  account,
  token,
  code,
  audit,
  sweep: sweepState,
  secret,
  build: publishedBuild,
} as const;
export type Kind = keyof typeof RECORDS;
export type RecordOf<K extends Kind> = z.infer<(typeof RECORDS)[K]>;
