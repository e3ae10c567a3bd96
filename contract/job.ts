import * as z from "zod";
import {
  DEFAULT_CRASH_LIMIT,
  DEFAULT_KEEP_MS,
  MAX_ARGUMENT_BYTES,
  MAX_COMMAND_ARGUMENTS,
  MAX_COUNT,
  MAX_DELAY_MS,
  MAX_ENVIRONMENT_BYTES,
  MAX_ITEM_BYTES,
  MAX_KEEP_MS,
  MAX_NAME_LENGTH,
  MAX_OUTPUT_GLOBS,
  MAX_PRICE,
  MAX_PRIORITY_S,
  MAX_RETRIES,
  MAX_TIMEOUT_MS,
  MAX_WANTED_TAGS,
} from "./limits.ts";
import { tree } from "./manifest.ts";
import { explainBadGlob } from "./paths.ts";
import { taskResult } from "./result.ts";
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
export const jobEvent = z.lazy(() =>
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
