import type { JobSpec } from "../../contract/job.ts";
import { layoutOf, spanOf } from "./layout.ts";
import type { Job, Slice } from "./records.ts";
import { ended, settle } from "./settle.ts";
import type { OpenRange } from "./slice-record.ts";

/** What a slice has to know of its job's spec. */
export type Terms = Pick<Slice, "cap" | "crashLimit" | "maxTries" | "codes"> & {
  delayMs?: number;
  expiresMs?: number;
};

export function termsOf(spec: JobSpec): Terms {
  const { successCodes, retryOn, delayMs, expiresMs } = spec;
  const codes = { ...(successCodes && { success: successCodes }), ...(retryOn && { retry: retryOn }) };
  return {
    cap: layoutOf(spec.array?.count ?? 1, spec.array?.limit).cap,
    crashLimit: spec.crashLimit,
    maxTries: spec.retries + 1,
    ...((successCodes || retryOn) && { codes }),
    ...(delayMs && { delayMs }),
    ...(expiresMs !== undefined && { expiresMs }),
  };
}

/** Slice `number` of a released job; the same whenever it is made, so that a release can be resumed anywhere. */
export function newSlice(job: Job, number: number, { delayMs, expiresMs, ...terms }: Terms, now: number): Slice {
  const { id, owner, queue, class: requirement, demand, order, round } = job;
  const releasedAt = job.times.releasedAt ?? now;
  const span = spanOf(job, number);
  const range: OpenRange = { ...span, tries: 0, crashes: 0, ...(delayMs && { notBefore: releasedAt + delayMs }) };
  return settle(
    {
      v: 1,
      job: id,
      number,
      owner,
      queue,
      class: requirement,
      ...(demand !== undefined && { demand }),
      order,
      round,
      version: 1,
      status: "open",
      ...span,
      open: [range],
      leases: {},
      done: [],
      succeeded: 0,
      failed: 0,
      ...terms,
      ...(expiresMs !== undefined && { expiresAt: releasedAt + expiresMs }),
      times: { createdAt: job.times.createdAt, releasedAt },
    },
    now,
  );
}

/** What a cancel writes where a slow release has not been yet, so that it finds the place taken (lifecycle.md, rule 22). */
export const newCancelledSlice = (job: Job, number: number, terms: Terms, now: number): Slice =>
  ended(newSlice(job, number, terms, now), "cancelled", now);
