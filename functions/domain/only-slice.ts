import { DEFAULT_CRASH_LIMIT } from "../../contract/limits.ts";
import { layoutOf } from "./layout.ts";
import type { Job, Slice } from "./records.ts";
import type { OnlySlice } from "./slice-record.ts";

const USUAL = { cap: layoutOf(1).cap, crashLimit: DEFAULT_CRASH_LIMIT, maxTries: 1 };

/** The slice that the header of a single job carries, once it is released; of other jobs undefined. */
export function sliceOf(job: Job): Slice | undefined {
  if (!job.only) return undefined;
  const { id, owner, queue, class: requirement, demand, order, round, version, count, times, wakeAt } = job;
  return {
    v: 1,
    job: id,
    number: 0,
    owner,
    queue,
    class: requirement,
    ...(demand !== undefined && { demand }),
    order,
    round,
    version,
    from: 0,
    upTo: count,
    open: [],
    leases: {},
    done: [],
    ...USUAL,
    ...job.only,
    ...(wakeAt !== undefined && { wakeAt }),
    times,
  };
}

/** The header with its slice as changed; what the header says already, and what is as usual, is left out. */
export function withSlice(job: Job, slice: Slice): Job {
  const { wakeAt: _, ...header } = job;
  const { round, times, wakeAt } = slice;
  return { ...header, round, times, ...(wakeAt !== undefined && { wakeAt }), only: shortened(slice) };
}

function shortened(slice: Slice): OnlySlice {
  const { status, open, leases, done, pages, cap, succeeded, failed, crashLimit, maxTries } = slice;
  const { cut, bytes, codes, taskMs, expiresAt, pastExpiry, watchUntil } = slice;
  return {
    status,
    ...(open.length > 0 && { open }),
    ...(Object.keys(leases).length > 0 && { leases }),
    ...(cut && { cut }),
    ...(done.length > 0 && { done }),
    ...(pages && { pages }),
    succeeded,
    failed,
    ...(cap !== USUAL.cap && { cap }),
    ...(crashLimit !== USUAL.crashLimit && { crashLimit }),
    ...(maxTries !== USUAL.maxTries && { maxTries }),
    ...(bytes !== undefined && { bytes }),
    ...(codes && { codes }),
    ...(taskMs !== undefined && { taskMs }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(pastExpiry && { pastExpiry }),
    ...(watchUntil !== undefined && { watchUntil }),
  };
}
