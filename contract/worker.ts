import * as z from "zod";
import { accountId } from "./account.ts";
import { grant } from "./grant.ts";
import { jobId, jobSpec, price, sandboxLevel } from "./job.ts";
import {
  MAX_HOLD_MS,
  MAX_LEASE_TASKS,
  MAX_LEASES_PER_REQUEST,
  MAX_LOG_CHUNK_BYTES,
  MAX_MACHINE_TAGS,
  MAX_RENEWED_LEASES,
  MAX_WAIT_MS,
} from "./limits.ts";
import { taskResult } from "./result.ts";
import { machineTag } from "./tags.ts";

export const workerId = z.string().regex(/^w[0-9a-hjkmnp-tv-z]{12}$/, "a worker id: w and 12 base32 characters");
/** What a worker has proven at its start. */
export const measured = {
  /** The best level that works. */
  sandbox: sandboxLevel,
  /** How memory and processes are held within limits: exactly by the kernel, by looking often, or not at all. */
  limits: z.enum(["cgroup", "polled", "none"]).optional(),
  /** System calls of strict tasks are filtered. */
  seccomp: z.boolean().optional(),
  /** Each slot has a PID namespace of its own, with which the kernel ends all that a task leaves behind, at every level. */
  namespaces: z.boolean().optional(),
};

/** Whose jobs the owner of a machine wants; those of anybody that the queues of the worker hold when left out. */
export const takes = z.lazy(() =>
  z.strictObject({
    /** `own`: jobs of the worker's own account; `public`: those offered to strangers. */
    queues: z
      .array(z.enum(["own", "public"]))
      .min(1)
      .max(2)
      .optional(),
    /** Jobs of these accounts only. */
    accounts: z.array(accountId).min(1).max(256).optional(),
    /** What jobs of other accounts have to offer (`maxPrice`). */
    minimumPay: price.optional(),
  }),
);
export type Takes = z.infer<typeof takes>;

/** What a machine has for tasks, beside its slots; as it is found, or as its owner says. */
export const offer = {
  gpus: z.int().min(0).optional(),
  /** Beside os and arch, which are tags too: what its owner calls it, and the runtimes that tasks find on it. */
  tags: z.array(machineTag).max(MAX_MACHINE_TAGS).optional(),
  /** The least level of jobs of its own account; of the others' it is strict. */
  ownSandbox: sandboxLevel.optional(),
  /** Accounts whose strict jobs get the network if they ask for it. */
  network: z.array(accountId).max(256).optional(),
};

/** What is left of a machine beside what the leases in its worker's hands were promised: only what fits in is claimed. */
export const free = z.lazy(() =>
  z.strictObject({
    cpus: z.int().min(0),
    gpus: z.int().min(0),
    memoryBytes: z.int().min(0),
    diskBytes: z.int().min(0),
  }),
);
export type Free = z.infer<typeof free>;

/** What a machine is, as measured at start. Registering again under the same id replaces it. */
export const registerRequest = z.lazy(() =>
  z.strictObject({
    id: workerId,
    name: z.string().min(1).max(100),
    slots: z.int().min(1).max(1024),
    version: z.string().max(50),
    os: z.string().max(50),
    arch: z.string().max(50),
    /** What one task may have at most: the machine's, or less if its owner says so. */
    cpus: z.int().min(1),
    memoryBytes: z.int().min(0),
    diskBytes: z.int().min(0).optional(),
    takes: takes.optional(),
    ...offer,
    ...measured,
  }),
);
export type WorkerInfo = z.infer<typeof registerRequest>;
/** SHA-256 of the build that is offered to workers; `latestBuild` tells more. */
const offered = z.string().optional();

export const registerAnswer = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    account: z.string(),
    serverTime: z.int(),
    renewEveryMs: z.int(),
    /** Results of a lease that goes on may wait this long for each other: where each call is paid for, a minute. */
    gatherMs: z.int().optional(),
    build: offered,
  }),
);

/** A claim on consecutive tasks of one job. The id is the fence: everything done for these tasks names it. */
export const lease = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    job: z.string(),
    round: z.int(),
    /** Account that submitted the job. */
    owner: z.string().optional(),
    /** Positions in the array, `from` ≤ p < `upTo`; the index of p is start + step · p. */
    from: z.int(),
    upTo: z.int(),
    try: z.int(),
    /** The claim or renewal is good for this long from when it was asked for. */
    goodForMs: z.int(),
    /** Renew once before the first spawn: these tasks may have killed a worker (lifecycle.md, rule 8). */
    renewFirst: z.boolean(),
    watch: z.boolean(),
    spec: jobSpec.unwrap().omit({ items: true, secrets: true }),
    items: z.array(z.string()).optional(),
    /** Environment variables that must not be kept or shown. */
    secrets: z.record(z.string(), z.string()).optional(),
    /** Downloads of the first input blobs, by SHA-256. */
    grants: z.record(z.string(), grant),
  }),
);
export type Lease = z.infer<typeof lease>;

/** Classic `get`: jobs that could be claimed now; nothing is locked. */
export const availableRequest = z.lazy(() =>
  z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(20) }),
);
export const availableAnswer = z.lazy(() =>
  z.looseObject({ items: z.array(z.looseObject({ id: z.string(), count: z.int() })) }),
);

/** What this worker was last told of being drained; when that is no longer so, it is news. */
const draining = z.boolean().optional();
const wanted = { worker: workerId, leases: z.int().min(0).max(MAX_LEASES_PER_REQUEST), free: free.optional() };

/** Why a worker asks for nothing: its owner's rules hold it back (never which, that is the owner's own), or it has ended. */
export const awayReason = z.enum(["resting", "stopped"]);
export type AwayReason = z.infer<typeof awayReason>;

/** Up to `leases` leases from the queues of this worker, or exactly the named job's; `holdMs` asks for a longer first span. */
export const claimRequest = z.lazy(() =>
  z
    .strictObject({
      ...wanted,
      job: jobId.optional(),
      holdMs: z.int().min(1000).max(MAX_HOLD_MS).optional(),
      wait: z.int().min(0).max(MAX_WAIT_MS).optional(),
      /** How long this worker has had nothing to do: the longer, the later it may be told to come back. */
      idleMs: z.int().min(0).optional(),
      draining,
      /** Leases in its hands: without one, a worker that is draining is drained. */
      holding: z.int().min(0).optional(),
      /** It will ask for nothing from now on, and why; its next claim without this takes it back. */
      away: awayReason.optional(),
    })
    .refine(({ away, leases, job }) => away === undefined || (leases === 0 && job === undefined), {
      path: ["away"],
      message: "who is away claims nothing: `leases` is 0, and no `job` is named",
    }),
);
/** `draining`: nothing is to be had before the worker is resumed; what it only holds it is to give back. */
export const claimAnswer = z.lazy(() =>
  z.looseObject({ leases: z.array(lease), retryAfterMs: z.int(), draining, build: offered }),
);

const leaseIds = z.array(z.string()).max(MAX_RENEWED_LEASES);

/**
 * Renews leases and hears of them: one answer per lease. `lost`: kill its child, keep finished results. `wait` holds the
 * answer, after the renewal took effect, until there is news (embedded server only); `renew: false` only listens.
 */
export const renewRequest = z.lazy(() =>
  z.strictObject({
    worker: workerId,
    leases: leaseIds.min(1),
    renew: z.boolean().default(true),
    delivering: leaseIds.optional(),
    /** Those whose tasks stand still, because the owner of the machine needs it. */
    paused: leaseIds.optional(),
    draining,
    wait: z.int().min(0).max(MAX_WAIT_MS).optional(),
  }),
);
export const renewAnswer = z.lazy(() =>
  z.looseObject({
    items: z.array(
      z.looseObject({
        lease: z.string(),
        /** held: goes on. lost: kill the child. cancelled: kill it, its owner asked. */
        state: z.enum(["held", "lost", "cancelled"]),
        from: z.int().optional(),
        upTo: z.int().optional(),
        goodForMs: z.int().optional(),
        watch: z.boolean().optional(),
      }),
    ),
    retryAfterMs: z.int(),
    draining,
    build: offered,
  }),
);

/**
 * What became of a lease, from position `from` on: `results` of consecutive tasks, then, when the worker will do no more of it, `end`:
 * `released` gives the rest back unharmed, `vanished` says that a restarted worker found a child of the next task gone.
 */
export const finishItem = z.lazy(() =>
  z.strictObject({
    lease: z.string(),
    from: z.int().min(0),
    results: z.array(taskResult).max(MAX_LEASE_TASKS),
    end: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("released"), reason: z.string().max(200) }),
        z.strictObject({ kind: z.literal("vanished") }),
      ])
      .optional(),
  }),
);
export type FinishItem = z.infer<typeof finishItem>;
export const finishRequest = z.lazy(() =>
  z.strictObject({
    worker: workerId,
    items: z.array(finishItem).min(1).max(MAX_LEASES_PER_REQUEST),
    /** Claim this many leases in the same call. */
    leases: z.int().min(0).max(MAX_LEASES_PER_REQUEST).default(0),
    free: free.optional(),
  }),
);

const span = z.lazy(() => z.looseObject({ from: z.int(), upTo: z.int() }));
export const finishAnswer = z.lazy(() =>
  z.looseObject({
    items: z.array(
      z.looseObject({
        lease: z.string(),
        /** Tasks whose results count (also when offered before), and tasks that are lost to this lease for ever. */
        accepted: z.array(span),
        lost: z.array(span),
        /** Set when nothing of this item was taken: gap, outputs_missing … */
        error: z
          .looseObject({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() })
          .optional(),
      }),
    ),
    leases: z.array(lease),
    retryAfterMs: z.int(),
  }),
);

/** A piece of a watched task's frame stream, beginning at byte `offset`. */
export const appendLogRequest = z.lazy(() =>
  z.strictObject({
    lease: z.string(),
    index: z.int().min(0),
    offset: z.int().min(0),
    data: z.base64().max(Math.ceil(MAX_LOG_CHUNK_BYTES / 3) * 4),
    /**
     * The job was cancelled: a piece of what the task had printed, which is kept as long as its job. Pieces begin at multiples of
     * `MAX_LOG_CHUNK_BYTES` and end at `MAX_CANCELLED_LOG_BYTES`.
     */
    cancelled: z.literal(true).optional(),
  }),
);
/** `restMs`: how long to gather what comes next, where each call is paid for. */
export const appendLogAnswer = z.lazy(() => z.looseObject({ watch: z.boolean(), restMs: z.int().optional() }));
