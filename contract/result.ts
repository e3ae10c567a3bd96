import * as z from "zod";
import { INLINE_LOG_BYTES } from "./limits.ts";
import { blobRef, tree } from "./manifest.ts";

/**
 * How one run of a task ended. `exited`, `signalled`: by itself; `timed_out`, `limit`: stopped by us for its own fault;
 * `not_started`: the command could not be spawned.
 */
export const outcome = z.enum(["exited", "signalled", "timed_out", "limit", "not_started"]);
export type Outcome = z.infer<typeof outcome>;

/** A task's log: gzip of frames (contract/log-frames.ts), in place when short, else a blob. `bytes` counts the frame stream. */
export const logRef = z.lazy(() =>
  z.strictObject({
    bytes: z.int().min(0),
    stdoutBytes: z.int().min(0),
    stderrBytes: z.int().min(0),
    /** Bytes left out of the middle because the task printed more than the cap. */
    droppedBytes: z.int().min(0).optional(),
    data: z
      .base64()
      .max(Math.ceil(INLINE_LOG_BYTES / 3) * 4)
      .optional(),
    blob: blobRef.optional(),
  }),
);
export type LogRef = z.infer<typeof logRef>;

/** What was used, as measured by the worker; what it can't measure is absent. */
const usage = z.lazy(() =>
  z.strictObject({
    /** Processor time of all its processes, in steps of the system's clock (10 ms). */
    cpuMs: z.int().min(0).optional(),
    /** Of all its processes together, as seen by looking at intervals: short peaks are missed. */
    maxRssBytes: z.int().min(0).optional(),
    /** The most that its folders held, as far as a disk limit made the worker look. */
    diskBytes: z.int().min(0).optional(),
    inputBytes: z.int().min(0).optional(),
    /** Of the files that it brought back. */
    outputBytes: z.int().min(0).optional(),
  }),
);

/** One run of one task. `index` is the array's own value. Durations are the worker's, in ms; times of day are the server's. */
export const taskResult = z.lazy(() =>
  z.strictObject({
    index: z.int().min(0),
    outcome,
    /** Exit code as the command's caller sees it: 128 + n when signal n killed it, 124 at the time limit, 126 / 127 when it could not start. */
    exitCode: z.int().min(0).max(255),
    signal: z.string().max(16).optional(),
    /** In plain words, when there is more to say than the code does. */
    reason: z.string().max(2000).optional(),
    durationMs: z.int().min(0),
    usage: usage.optional(),
    outputs: tree.optional(),
    /** Absent when the task printed nothing. */
    log: logRef.optional(),
  }),
);
export type TaskResult = z.infer<typeof taskResult>;
