import type { QuotaName, Quotas } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";
import { isFinal } from "../domain/job.ts";
import { sizeOf } from "../domain/ranges.ts";
import type { Job, Slice } from "../domain/records.ts";
import type { Change, Count } from "../store/port.ts";
import type { World } from "./call.ts";
import { counterOf, quotasOf } from "./quotas.ts";

/** Records of one job as they are before or after a commit; the slice of a single job is in its header. */
export type Side = { job?: Job | undefined; slices?: readonly (Slice | undefined)[] };

const METERED = ["queuedTasks", "runningTasks", "bytes"] as const satisfies readonly QuotaName[];

/**
 * What a commit changes in the counters of the job's owner. Use is a function of the records, and the difference goes into the very
 * transaction that writes them: counters can't drift. Accounts without quotas have no counters, and pay for none.
 */
export async function meter(world: World, owner: string, before: Side, after: Side): Promise<Count[]> {
  const [was, is] = [useOf(before), useOf(after)];
  const changed = METERED.filter((name) => was[name] !== is[name]);
  if (changed.length === 0) return [];
  const quotas = await quotasOf(world, owner);
  const now = world.clock();
  return changed.map((name) => countOf({ owner, name, add: is[name] - was[name], quotas, now }));
}

/** The counter of the jobs that an account creates in a day. */
export function meterCreation(owner: string, quotas: Quotas, now: number): Count[] {
  return quotas.jobsPerDay === undefined ? [] : [countOf({ owner, name: "jobsPerDay", add: 1, quotas, now })];
}

/** What is to be counted of a new job: it stays with the job, whatever becomes of the quotas. */
export function meteredBy(quotas: Quotas, inputBytes: number): Pick<Job, "metered"> {
  const metered = {
    ...(quotas.queuedTasks !== undefined && { tasks: true as const }),
    ...(quotas.bytes !== undefined && { bytes: inputBytes }),
  };
  return Object.keys(metered).length > 0 ? { metered } : {};
}

/** How many more tasks workers may hold of an account; undefined: as many as they like. */
export async function runningRoom(world: World, account: string): Promise<number | undefined> {
  const { runningTasks } = await quotasOf(world, account);
  if (runningTasks === undefined) return undefined;
  const [now = 0] = await world.store.counts(account, ["runningTasks"]);
  return runningTasks - now;
}

/** Counts whatever the bounds are: what was handed in is there, and is not lost because its account is full. */
export const unbounded = (changes: readonly Change[]): Change[] =>
  changes.map((change) => {
    if (!("count" in change)) return change;
    const { most: _, ...count } = change;
    return count;
  });

/** As the store's commit; a quota that stands in the way is told by its name, its limit and what is used. */
export async function commitMetered({ store, clock }: World, changes: readonly Change[]): Promise<"ok" | "conflict"> {
  try {
    return await store.commit(changes);
  } catch (error) {
    if (!(error instanceof RendtError && error.code === "quota_exceeded")) throw error;
    const full = changes.find(
      (change): change is Count => "count" in change && change.count === error.details["count"],
    );
    if (!full) throw error;
    const [now = 0] = await store.counts(full.account, [full.count]);
    throw overQuota(full, now, clock());
  }
}

/** Why a commit of these counts would be refused now, if so: to be asked before what would stay is written. */
export async function refusalOf({ store, clock }: World, counts: readonly Count[]): Promise<RendtError | undefined> {
  const bounded = counts.filter(({ most }) => most !== undefined);
  const [first] = bounded;
  if (!first) return undefined;
  const used = await store.counts(
    first.account,
    bounded.map(({ count }) => count),
  );
  for (const [at, count] of bounded.entries()) {
    const now = used[at] ?? 0;
    if (count.most !== undefined && now + count.add > count.most) return overQuota(count, now, clock());
  }
  return undefined;
}

function overQuota({ account, count, add, most: limit }: Count, used: number, at: number): RendtError {
  const names: readonly QuotaName[] = [...METERED, "jobsPerDay"];
  const quota = names.find((name) => counterOf(name, at) === count) ?? count;
  const message = `account ${account} has the quota ${quota} ${limit}: ${used} are used, and this needs ${add} more`;
  return new RendtError("quota_exceeded", message, { details: { quota, limit, now: used, add } });
}

function useOf({ job, slices = [] }: Side): Record<(typeof METERED)[number], number> {
  const isQueued = job?.metered?.tasks && job.phase !== "uploading" && !isFinal(job);
  const all = [job?.only, ...slices];
  const leases = all.flatMap((slice) => Object.values(slice?.leases ?? {}));
  const uploads = leases.flatMap((lease) => Object.values(lease.uploads ?? {}));
  return {
    queuedTasks: isQueued ? job.count : 0,
    runningTasks: leases.reduce((sum, lease) => sum + (lease.counted ? sizeOf(lease) : 0), 0),
    bytes: sumOf([job?.metered?.bytes, ...all.map((slice) => slice?.bytes), ...uploads]),
  };
}

const sumOf = (numbers: readonly (number | undefined)[]): number =>
  numbers.reduce((sum: number, one) => sum + (one ?? 0), 0);

function countOf(use: { owner: string; name: QuotaName; add: number; quotas: Quotas; now: number }): Count {
  const { owner, name, add, quotas, now } = use;
  const most = quotas[name];
  return { account: owner, count: counterOf(name, now), add, ...(add > 0 && most !== undefined && { most }) };
}
