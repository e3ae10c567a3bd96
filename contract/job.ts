import * as z from "zod";
import { grant } from "./grant.ts";
import {
  DEFAULT_CRASH_LIMIT,
  DEFAULT_KEEP_MS,
  MAX_ARGUMENT_BYTES,
  MAX_COMMAND_ARGUMENTS,
  MAX_COUNT,
  MAX_CREATE_JOBS,
  MAX_DELAY_MS,
  MAX_ENVIRONMENT_BYTES,
  MAX_GET_JOBS,
  MAX_ITEM_BYTES,
  MAX_KEEP_MS,
  MAX_LIST_ITEMS,
  MAX_NAME_LENGTH,
  MAX_OUTPUT_GLOBS,
  MAX_PRICE,
  MAX_PRIORITY_S,
  MAX_RETRIES,
  MAX_TIMEOUT_MS,
  MAX_WAIT_MS,
  MAX_WANTED_TAGS,
} from "./limits.ts";
import { blobRef, tree } from "./manifest.ts";
import { explainBadGlob } from "./paths.ts";
import { logRef, taskResult } from "./result.ts";
import { secrets } from "./secrets.ts";
import { wantedTag } from "./tags.ts";
import { taskLimits } from "./task-limits.ts";
import { bytesOf, text, tooLarge } from "./text.ts";

/** `j` and 12 digits of base32 (Crockford's alphabet in lower case: no i, l, o, u). */
export const jobId = z.string().regex(/^j[0-9a-hjkmnp-tv-z]{12}$/, "a job id: j and 12 base32 characters");

const outputGlob = text(1024).superRefine((glob, context) => {
  const reason = explainBadGlob(glob);
  if (reason) context.addIssue({ code: "custom", message: reason, params: { rendt: "bad_path" } });
});

const environment = z.lazy(() =>
  z
    .record(z.string().regex(/^[^=\0]+$/, "a name without '=' and NUL"), text(MAX_ARGUMENT_BYTES))
    .superRefine((values, context) => {
      const size = Object.entries(values).reduce((sum, [name, value]) => sum + bytesOf(name) + bytesOf(value) + 2, 0);
      if (size > MAX_ENVIRONMENT_BYTES) context.addIssue(tooLarge("the environment has", size, MAX_ENVIRONMENT_BYTES));
    }),
);

/** An array's own values: `start`, `start + step` … `count` of them; at most `limit` run at once. */
const array = z.lazy(() =>
  z.strictObject({
    start: z.int().min(0).default(0),
    step: z.int().min(1).default(1),
    count: z.int().min(1).max(MAX_COUNT),
    limit: z.int().min(1).max(1000).optional(),
  }),
);

/** How far a task is shut in: `strict` keeps a hostile one out of the machine, `none` only tidies up after a careless one (docs/security.md). */
export const sandboxLevel = z.enum(["none", "strict"]);

/** Credits per CPU-hour: a number by which jobs and machines find each other. What a credit is worth they agree elsewhere; none is ever moved. */
export const price = z
  .number(`a number from 0 to ${MAX_PRICE}`)
  .min(0)
  .max(MAX_PRICE)
  .refine((value) => Number(value.toFixed(6)) === value, "at most 6 decimals");

/** What a submitter asks for. Immutable once created. */
export const jobSpec = z.lazy(() =>
  z.strictObject({
    command: z
      .array(text(MAX_ARGUMENT_BYTES))
      .min(1, "give a command after --")
      .max(MAX_COMMAND_ARGUMENTS)
      .refine((words) => words[0] !== "", "the command is empty"),
    name: text(MAX_NAME_LENGTH).optional(),
    env: environment.default({}),
    secrets: secrets.optional(),
    inputs: tree.optional(),
    /** What standard input reads: the input file at this path, else nothing. */
    stdin: z.string().optional(),
    /** Globs, relative to the working folder; a folder that matches returns whole. */
    outputs: z.array(outputGlob).max(MAX_OUTPUT_GLOBS).default([]),
    outputsOnFailure: z.boolean().default(true),
    array: array.optional(),
    /** One item per task, in order: replaces `{}` in the command and is RENDT_ITEM. */
    items: z.array(text(MAX_ITEM_BYTES)).optional(),
    timeoutMs: z.int().min(1).max(MAX_TIMEOUT_MS).optional(),
    retries: z.int().min(0).max(MAX_RETRIES).default(0),
    /** Only these exit codes are worth another try (all, when left out). */
    retryOn: z.array(z.int().min(0).max(255)).max(256).optional(),
    successCodes: z.array(z.int().min(0).max(255)).min(1).max(256).optional(),
    crashLimit: z.int().min(1).max(100_000).default(DEFAULT_CRASH_LIMIT),
    /** A head start in seconds. */
    priority: z.int().min(-MAX_PRIORITY_S).max(MAX_PRIORITY_S).default(0),
    delayMs: z.int().min(0).max(MAX_DELAY_MS).optional(),
    /** Give up waiting after this long: tasks that never ran are dropped. */
    expiresMs: z.int().min(1000).max(MAX_DELAY_MS).optional(),
    /** How long outputs and the record are kept after the end. */
    keepMs: z.int().min(60_000).max(MAX_KEEP_MS).default(DEFAULT_KEEP_MS),
    queue: z
      .string()
      .regex(
        /^[@a-z0-9][a-z0-9._-]{0,63}$/,
        "a queue's name: 1 to 64 of a-z, 0-9, '.', '_' and '-', perhaps with @ in front",
      )
      .optional(),
    /** Least sandbox level; the worker's owner may demand more. */
    sandbox: sandboxLevel.optional(),
    limits: taskLimits.optional(),
    /** What a machine must be or have: its os, its arch, what its owner says of it, runtimes that were found on it. */
    tags: z.array(wantedTag).max(MAX_WANTED_TAGS).optional(),
    /** It needs the network: at level strict only machines give it whose owner trusts the account with that. */
    network: z.boolean().optional(),
    /** Only this worker of the account takes it: its id, or its name where no other has the same. */
    worker: z.string().min(1).max(100).optional(),
    /** What it offers the machines of strangers, at most; 0 when left out. Its own account's are not asked. */
    maxPrice: price.optional(),
  }),
);
/** A spec as it is written (defaults may be left out). */
export type JobSpecInput = z.input<typeof jobSpec>;
export type JobSpec = z.output<typeof jobSpec>;

/** Why a task is where it is; the classic short codes stand in STATUS_CODES. */
export const jobStatus = z.enum([
  "uploading",
  "waiting",
  "available",
  "executing",
  "delivering",
  "finished",
  "failed",
  "cancelled",
  "expired",
  "skipped",
]);
export type JobStatus = z.infer<typeof jobStatus>;
export const STATUS_CODES = {
  uploading: "xtbu",
  waiting: "w",
  available: "a",
  executing: "ix",
  delivering: "otbu",
  finished: "f",
  failed: "x",
  cancelled: "c",
  expired: "e",
  skipped: "s",
} as const satisfies Record<JobStatus, string>;
export const ENDED: ReadonlySet<JobStatus> = new Set(["finished", "failed", "cancelled", "expired", "skipped"]);

/** Tasks by what they do now; together they are `count`. */
const taskCounts = z.lazy(() =>
  z.looseObject({
    waiting: z.int(),
    available: z.int(),
    executing: z.int(),
    delivering: z.int(),
    succeeded: z.int(),
    failed: z.int(),
    dropped: z.int(),
  }),
);
export type TaskCounts = z.infer<typeof taskCounts>;

const running = z.lazy(() =>
  z.looseObject({
    lease: z.string(),
    from: z.int(),
    upTo: z.int(),
    worker: z.string(),
    phase: z.enum(["executing", "delivering"]),
    /** Its tasks stand still, because the owner of the machine needs it. */
    paused: z.boolean().optional(),
    try: z.int(),
    expiresAt: z.int(),
  }),
);

/** One thing that happened to a job, oldest first in `history`. */
const jobEvent = z.lazy(() =>
  z.looseObject({
    at: z.int(),
    what: z.string(),
    worker: z.string().optional(),
    detail: z.string().optional(),
  }),
);
export type JobEvent = z.infer<typeof jobEvent>;

/** A job as its owner sees it. Times are integer ms since 1970, by the server's clock. */
export const jobView = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    owner: z.string(),
    name: z.string().optional(),
    status: jobStatus,
    count: z.int(),
    tasks: taskCounts,
    round: z.int(),
    version: z.int(),
    command: z.array(z.string()),
    createdAt: z.int(),
    startedAt: z.int().optional(),
    endedAt: z.int().optional(),
    /** In plain words: why it waits, or how it ended. */
    reason: z.string().optional(),
    running: z.array(running),
    /** Of a job of one task: its last result, less outputs and log, which the operations of these names answer. */
    result: taskResult.optional(),
  }),
);
export type JobView = z.infer<typeof jobView>;

export const createRequest = z.lazy(() =>
  z.strictObject({
    jobs: z
      .array(
        z.strictObject({
          id: jobId.optional(),
          key: z.string().min(1).max(200).optional(),
          watch: z.boolean().optional(),
          spec: jobSpec,
        }),
      )
      .min(1)
      .max(MAX_CREATE_JOBS),
  }),
);
/** Answers stand in the order of the request; one job's refusal does not touch the others. */
export const createAnswer = z.lazy(() =>
  z.looseObject({
    items: z.array(
      z.union([
        z.looseObject({
          id: z.string(),
          status: jobStatus,
          existing: z.boolean(),
          /** Blobs still to be uploaded before `release`. */ missing: z.array(blobRef),
          grants: z.array(grant),
          /** It was taken, and something about it should be known: `no_worker_fits`. */
          warning: z.looseObject({ code: z.string(), message: z.string(), hint: z.string() }).optional(),
        }),
        z.looseObject({ error: z.looseObject({ code: z.string(), message: z.string(), hint: z.string() }) }),
      ]),
    ),
  }),
);

const wait = z.int().min(0).max(MAX_WAIT_MS).optional();

/** Jobs by id; `wait` holds the answer until one of them has another version than `seen` says, or (until: ended) one has ended. */
export const getRequest = z.lazy(() =>
  z.strictObject({
    ids: z.array(z.string()).min(1).max(MAX_GET_JOBS),
    wait,
    until: z.enum(["changed", "ended"]).default("changed"),
    seen: z.record(z.string(), z.int()).optional(),
  }),
);
export const getAnswer = z.lazy(() =>
  z.looseObject({
    items: z.array(z.union([jobView, z.looseObject({ id: z.string(), missing: z.literal(true) })])),
    retryAfterMs: z.int().optional(),
  }),
);

export const listRequest = z.lazy(() =>
  z.strictObject({
    status: jobStatus.optional(),
    name: z.string().max(MAX_NAME_LENGTH).optional(),
    limit: z.coerce.number().int().min(1).max(MAX_LIST_ITEMS).default(50),
    cursor: z.string().optional(),
    all: z.stringbool().optional(),
  }),
);
export const listAnswer = z.lazy(() => z.looseObject({ items: z.array(jobView), next: z.string().optional() }));

/** The whole of one job: view, spec and history. */
export const showAnswer = z.lazy(() =>
  z.looseObject({
    job: jobView,
    spec: z.looseObject({ command: z.array(z.string()) }),
    history: z.array(jobEvent),
  }),
);

export const outputsRequest = z.lazy(() =>
  z.strictObject({
    from: z.coerce.number().int().min(0).optional(),
    upTo: z.coerce.number().int().min(0).optional(),
    status: z.enum(["succeeded", "failed"]).optional(),
    limit: z.coerce.number().int().min(1).max(MAX_LIST_ITEMS).default(100),
    cursor: z.string().optional(),
  }),
);
/** Results of the tasks that ended, by index, each with its output tree; `grants` are the first blobs' GETs by SHA-256. */
export const outputsAnswer = z.lazy(() =>
  z.looseObject({
    status: jobStatus,
    items: z.array(z.looseObject({ index: z.int(), ended: z.boolean(), lease: z.string(), result: taskResult })),
    grants: z.record(z.string(), grant),
    next: z.string().optional(),
  }),
);

/** Live log chunks of one task from byte `after` of its frame stream, and, once it ended, where the full log is. */
export const logsRequest = z.lazy(() =>
  z.strictObject({
    index: z.coerce.number().int().min(0).optional(),
    try: z.coerce.number().int().min(1).optional(),
    after: z.coerce.number().int().min(0).default(0),
    wait: z.coerce.number().int().min(0).max(MAX_WAIT_MS).optional(),
    follow: z.stringbool().default(false),
  }),
);
export const logsAnswer = z.lazy(() =>
  z.looseObject({
    index: z.int(),
    status: jobStatus,
    /** Which try these bytes are of; when it changes, `after` starts again at 0. */
    lease: z.string().optional(),
    try: z.int().optional(),
    /** That try has ended. */
    over: z.boolean().optional(),
    chunks: z.array(z.looseObject({ offset: z.int(), data: z.base64() })),
    /** The server's time, to tell frames that were there already from those to come. */
    now: z.int().optional(),
    /** The full log, once the try has ended. */
    log: logRef.optional(),
    grant: grant.optional(),
    retryAfterMs: z.int().optional(),
  }),
);

export const idsRequest = z.lazy(() =>
  z.strictObject({
    ids: z.array(z.string()).min(1).max(MAX_GET_JOBS),
    round: z.int().optional(),
  }),
);
export const idsAnswer = z.lazy(() =>
  z.looseObject({
    items: z.array(
      z.union([
        jobView,
        z.looseObject({
          id: z.string(),
          error: z.looseObject({ code: z.string(), message: z.string(), hint: z.string() }),
        }),
      ]),
    ),
  }),
);

export const explainAnswer = z.lazy(() =>
  z.looseObject({
    job: jobView,
    reasons: z.array(z.string()),
    /** Jobs before it in its queue; 1,000 stands for as many or more. Absent while nothing of it is in a queue. */
    ahead: z.int().optional(),
    workers: z.array(
      z.looseObject({
        id: z.string(),
        name: z.string(),
        lastSeenAt: z.int(),
        sandbox: sandboxLevel.optional(),
        /** How it holds limits: cgroup, polled or none. */
        limits: z.string().optional(),
        /** Whether its slots have namespaces of their own. */
        namespaces: z.boolean().optional(),
        fits: z.boolean(),
        reasons: z.array(z.string()),
      }),
    ),
  }),
);
