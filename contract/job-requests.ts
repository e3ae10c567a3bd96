import * as z from "zod";
import { grant } from "./grant.ts";
import { jobEvent, jobId, jobSpec, jobStatus, jobView, sandboxLevel } from "./job.ts";
import { MAX_CREATE_JOBS, MAX_GET_JOBS, MAX_LIST_ITEMS, MAX_NAME_LENGTH, MAX_WAIT_MS } from "./limits.ts";
import { blobRef } from "./manifest.ts";
import { logRef, taskResult } from "./result.ts";

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
        /** How it stands, in a word: ready, resting, draining, drained, stopped or silent. */
        state: z.string().optional(),
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
