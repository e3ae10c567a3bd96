import * as z from "zod";
import { quotas, role, scopes } from "../../contract/account.ts";
import { buildOffer } from "../../contract/build.ts";
import { awayReason, measured, offer, takes } from "../../contract/worker.ts";
import { docRef, ms, times, version } from "./record-fields.ts";
import { donePage, onlySlice, slice } from "./slice-record.ts";

/** The records that the store keeps, as lifecycle.md defines them; what a slice consists of stands in slice-record.ts. */

export type Slice = z.infer<typeof slice>;

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
    times,
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
