import * as z from "zod";
import { accountId } from "./account.ts";
import { MAX_LIST_ITEMS } from "./limits.ts";
import { takes } from "./worker.ts";

/** A worker as its account and admins see it. */
export const workerView = z.lazy(() =>
  z.looseObject({
    id: z.string(),
    account: z.string(),
    name: z.string(),
    slots: z.int(),
    version: z.string(),
    os: z.string(),
    arch: z.string(),
    cpus: z.int(),
    memoryBytes: z.int(),
    gpus: z.int().optional(),
    tags: z.array(z.string()).optional(),
    sandbox: z.string(),
    takes: takes.optional(),
    registeredAt: z.int(),
    lastSeenAt: z.int(),
    /** Since when it is to take nothing new, and since when nothing is left in its hands. */
    drainingSince: z.int().optional(),
    drainedAt: z.int().optional(),
    /** Since when it asks for nothing, by its own word; one that was killed could say none. */
    away: z.looseObject({ since: z.int(), why: z.string() }).optional(),
  }),
);
export type WorkerView = z.infer<typeof workerView>;

export const listWorkersRequest = z.lazy(() =>
  z.strictObject({
    account: accountId.optional(),
    limit: z.coerce.number().int().min(1).max(MAX_LIST_ITEMS).default(50),
    cursor: z.string().optional(),
  }),
);
export const listWorkersAnswer = z.lazy(() =>
  z.looseObject({ items: z.array(workerView), next: z.string().optional() }),
);
