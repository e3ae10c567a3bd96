import * as z from "zod";
import {
  MAX_ASKED_BYTES,
  MAX_CPUS,
  MAX_GPUS,
  MAX_TASK_FILES,
  MAX_TIMEOUT_MS,
  MIN_MEMORY_BYTES,
  MIN_OPEN_FILES,
  MIN_PROCESSES,
} from "./limits.ts";

/**
 * What one task may use at most. Only machines that have so many cpus and GPUs, so much memory and disk left for it take it; the owner of a
 * machine may allow less of the rest. A task that goes over is killed, and its result names the limit.
 */
export const taskLimits = z.lazy(() =>
  z.strictObject({
    cpus: z.int().min(1).max(MAX_CPUS).optional(),
    /** Whole ones, which no other task has meanwhile; the others are hidden from it. */
    gpus: z.int().min(1).max(MAX_GPUS).optional(),
    /** Of all its processes together. */
    memoryBytes: z.int().min(MIN_MEMORY_BYTES).max(MAX_ASKED_BYTES).optional(),
    /** Of its folders, inputs included. */
    diskBytes: z.int().min(1).max(MAX_ASKED_BYTES).optional(),
    processes: z.int().min(MIN_PROCESSES).max(1_000_000).optional(),
    openFiles: z.int().min(MIN_OPEN_FILES).max(1_000_000).optional(),
    /** Of one file. */
    fileBytes: z.int().min(1).max(MAX_ASKED_BYTES).optional(),
    cpuMs: z.int().min(1).max(MAX_TIMEOUT_MS).optional(),
    /** Of both output streams together. */
    outputBytes: z.int().min(1).max(MAX_ASKED_BYTES).optional(),
    /** Files and folders in its folders, inputs included. */
    files: z.int().min(1).max(MAX_TASK_FILES).optional(),
  }),
);
