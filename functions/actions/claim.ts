import type { Scopes } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";
import { MAX_LEASE_TASKS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { Lease } from "../../contract/worker.ts";
import type { CommandOf } from "../domain/commands.ts";
import { isOpenTo, isPin } from "../domain/demand.ts";
import { tasksElsewhere } from "../domain/job.ts";
import { misfits } from "../domain/match.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { statusOf } from "../domain/status.ts";
import type { SliceKey } from "../store/port.ts";
import { applyToSlice } from "./apply.ts";
import type { Call, World } from "./call.ts";
import { candidates, nameOf, type Search } from "./candidates.ts";
import { noteDrained } from "./drain.ts";
import { newLeaseId, readLeaseId } from "./lease-id.ts";
import { toLeases } from "./lease-view.ts";
import { runningRoom } from "./metering.ts";
import { ownQueue, queuesOf, takesJobsOf } from "./queue.ts";
import { createRoom, type Room, type Share } from "./room.ts";
import { isDraining } from "./sightings.ts";
import { noteUnsuited, suits, termsOf } from "./terms.ts";
import { slicesOf } from "./view.ts";
import { lookUntil } from "./waiting.ts";

/** When an idle worker comes back where it is told at once of new work; and where each poll costs money: soon after work, rarely later. */
const TOLD_MS = 1000;
const POLLING_MS = { least: 1000, most: 60_000 };

/**
 * A lease carries a spec (≤ 256 KiB) and items (≤ 512 KiB). An answer must stay below 4 MiB, so that after so many bytes no more are
 * claimed, and never more than so many at once.
 */
const LONG_ANSWER_BYTES = 512 * 1024;
const MOST_AT_ONCE = 4;

type Want = { leases: number; holdMs?: number | undefined; scopes: Scopes | undefined; room: Room };

/** Claims tasks for a worker of the asker's account: of the job it names, or of the first in its queues. */
export async function claim(call: Call, request: ParsedRequestOf<"claim">): Promise<AnswerOf<"claim">> {
  const { world, who } = call;
  const now = world.clock();
  const { draining: told, away } = request;
  const asker = { id: request.worker, account: who.account };
  const worker = await world.sightings.see({ ...asker, draining: told, stands: away ?? "asking" }, now);
  if (request.job !== undefined) {
    const want = { ...request, job: request.job, scopes: who.scopes, room: createRoom(request.free) };
    return { leases: await claimNamed(world, worker, want), retryAfterMs: 0 };
  }
  if (isDraining(worker) && request.holding === 0 && worker.drainedAt === undefined) await noteDrained(world, worker);
  const topics = [...queuesOf(worker, who.scopes).map((queue) => `queue:${queue}`), `worker:${worker.id}`];
  const look = async () => {
    const draining = isDraining(await world.sightings.see(asker, world.clock()));
    const isNews = told !== undefined && told !== draining;
    const want = { ...request, scopes: who.scopes, room: createRoom(request.free) };
    const leases = draining ? [] : await claimNext(world, worker, want);
    const enough = isNews || leases.length > 0 || (request.leases === 0 && !draining);
    return { value: { leases, draining }, enough };
  };
  const ask = () => lookUntil(call, { topics, waitMs: request.wait }, look);
  const { value, enough } = away === undefined ? await world.askers.during(worker.id, ask) : await look();
  if (value.leases.length > 0 && call.gone().aborted) await takeBack(world, worker, value.leases);
  const build = await world.builds.offered(world.clock());
  return { ...value, build, retryAfterMs: enough ? 0 : restMs(world, request.idleMs) };
}

/**
 * How long a worker without work rests: half of the time that it has been idle, so that work that comes in a row is met soon. With jitter,
 * so that workers that were sent away together do not come back together.
 */
export function restMs({ doorbell, random }: World, idleMs = Number.POSITIVE_INFINITY): number {
  const [chance = 0] = random(1);
  if (doorbell.holds) return Math.round(TOLD_MS * (0.5 + chance / 512));
  const rest = Math.min(POLLING_MS.most, Math.max(POLLING_MS.least, idleMs / 2));
  return Math.round(rest * (0.85 + chance / 1700));
}

/** Up to `want.leases` leases, spread over as many slices as there are; fewer when their specs and items are long. */
export async function claimNext(world: World, worker: WorkerRecord, want: Want): Promise<Lease[]> {
  const leases: Lease[] = [];
  if (want.leases === 0) return leases;
  let group: SliceKey[] = [];
  const search: Search = { tried: new Set(), stale: false };
  const missing = () => want.leases - leases.length;
  const take = async () => {
    const share = Math.ceil(Math.min(missing(), MOST_AT_ONCE) / group.length);
    const each = { ...want, leases: share, search };
    const taken = await Promise.all(group.map((key) => claimFrom(world, worker, key, each)));
    leases.push(...taken.flat());
    group = [];
  };
  const queues = await queuesWithRoom(world, worker, want);
  for await (const key of candidates(world, { worker, queues, room: want.room, search }, want.leases)) {
    group.push(key);
    // As many slices at once as leases are missing: their commits share one sync.
    if (group.length === Math.min(missing(), MOST_AT_ONCE)) await take();
    if (missing() <= 0 || isLong(leases)) return leases;
  }
  if (group.length > 0) await take();
  return leases;
}

/** The queue of an account whose workers hold all the tasks that they may is not even looked into. */
async function queuesWithRoom(world: World, worker: WorkerRecord, { scopes }: Want): Promise<string[]> {
  const room = await runningRoom(world, worker.account);
  const own = ownQueue(worker.account);
  return queuesOf(worker, scopes).filter((queue) => queue !== own || (room ?? 1) > 0);
}

const isLong = (leases: readonly Lease[]): boolean => JSON.stringify(leases).length > LONG_ANSWER_BYTES;

/** The answer would reach nobody, and the tasks would wait until their leases run out. */
async function takeBack(world: World, { id }: WorkerRecord, leases: readonly Lease[]): Promise<void> {
  await Promise.all(
    leases.map(async ({ id: lease, from }) => {
      const key = readLeaseId(lease);
      const command = { kind: "finish", worker: id, lease, from, verdicts: [], end: "released" } as const;
      if (key) await applyToSlice<"finish">(world, key, () => command);
    }),
  );
}

/** One task of this very job, whatever else waits. */
async function claimNamed(world: World, worker: WorkerRecord, want: Want & { job: string }): Promise<Lease[]> {
  const [job] = await world.store.get("job", [want.job]);
  if (!job || !queuesOf(worker, want.scopes).includes(job.queue)) {
    throw new RendtError("not_found", `there is no job ${want.job} in the queues of worker ${worker.id}`);
  }
  if (job.phase === "uploading" || job.phase === "releasing") {
    throw new RendtError("not_released", `job ${job.id} is not released yet: its inputs are not all there`);
  }
  if (!takesJobsOf(worker, job.owner)) throw new RendtError("not_available", unwanted(worker.id, job.owner));
  const demand = job.demand ?? job.class;
  const unfit = [
    ...misfits(demand, worker, job.owner),
    ...(isOpenTo(job.class, worker.id) ? [] : ["it is for another worker"]),
    ...(isDraining(worker) ? ["it is draining"] : []),
  ];
  if (unfit.length > 0)
    throw new RendtError("not_available", `worker ${worker.id} can't take job ${job.id}: ${unfit.join("; ")}`);
  const numbers = job.slices === 1 ? [undefined] : Array.from({ length: job.slices }, (_, number) => number);
  const leases: Lease[] = [];
  for (const number of numbers) {
    const key = { job: job.id, ...(number !== undefined && { number }) };
    leases.push(...(await claimFrom(world, worker, key, { ...want, leases: want.leases - leases.length })));
    if (leases.length >= want.leases) break;
  }
  if (leases.length > 0 || want.leases === 0) return leases;
  if ((await runningRoom(world, job.owner)) === 0) {
    throw new RendtError("quota_exceeded", `account ${job.owner} has as many tasks running as its quota allows`);
  }
  const { status } = statusOf(job, await slicesOf(world, job));
  throw new RendtError("not_available", `job ${job.id} is ${status}: none of its tasks can be claimed now`, {
    details: { status },
  });
}

const unwanted = (worker: string, account: string): string =>
  `the owner of worker ${worker} takes no jobs of account ${account}`;

/** Leases of one slice, or none when nothing in it can be had any more. */
async function claimFrom(
  world: World,
  worker: WorkerRecord,
  key: SliceKey,
  want: Want & { job?: string | undefined; search?: Search },
): Promise<Lease[]> {
  const name = nameOf(key);
  const leases = Array.from({ length: want.leases }, () => newLeaseId(key, world.random));
  let share: Share | undefined;
  const { slots, alone } = world.sightings.sharers(worker, world.clock());
  world.busy.add(name);
  try {
    const header = key.number === undefined ? undefined : (await world.store.get("job", [key.job]))[0];
    const most = header && (await world.specs.mostItems(header));
    const taskMs = world.pace.get(key.job);
    const applied = await applyToSlice<"claim">(world, key, async ({ slice }) => {
      const terms = termsOf(slice);
      const { owner, demand } = terms;
      if (!suits(worker, terms)) {
        noteUnsuited(world.unsuited, slice);
        throw new RendtError("not_available", `job ${slice.job} is none for worker ${worker.id}`);
      }
      const bounds = await boundsOf(world, owner, { leases, most });
      share?.keep(0);
      if (!isOpenTo(slice.class, worker.id) || !want.room.admits(demand, slice.order))
        throw new RendtError("not_available", `worker ${worker.id} has no room for job ${slice.job}`);
      const ids = bounds.leases ?? leases;
      share = want.room.promise(demand, ids.length);
      return {
        kind: "claim",
        worker: worker.id,
        sharers: slots,
        // Nobody else may take what is for this worker.
        alone: alone || isPin(slice.class),
        ...(header && { elsewhere: tasksElsewhere(header) }),
        ...(taskMs !== undefined && { taskMs }),
        ...(most !== undefined && { most }),
        ...(want.holdMs !== undefined && { holdMs: want.holdMs }),
        ...(want.job !== undefined && { named: true }),
        ...bounds,
        leases: ids.slice(0, share.count),
      };
    });
    share?.keep(applied?.answer.leases.length ?? 0);
    const job = applied?.job ?? header;
    if (want.search && !applied?.answer.avoided && !applied?.answer.leases.length) want.search.stale = true;
    return applied && job ? await toLeases(world, { slice: applied.slice, job }, applied.answer.leases) : [];
  } catch (error) {
    share?.keep(0);
    // Somebody else was faster: the next one, then.
    if (error instanceof RendtError && PASSED_BY.has(error.code)) return [];
    throw error;
  } finally {
    world.busy.delete(name);
  }
}

/** Reasons to look at the next slice: somebody was faster, the machine is not for this account, or the owner has as many tasks running as a quota allows. */
const PASSED_BY: ReadonlySet<string> = new Set(["not_available", "conflict", "quota_exceeded"]);

/** Where the owner has a quota of running tasks: no more leases, and no longer ones, than there is room for. The commit makes sure. */
async function boundsOf(
  world: World,
  owner: string,
  { leases, most = MAX_LEASE_TASKS }: { leases: readonly string[]; most: number | undefined },
): Promise<Partial<CommandOf<"claim">>> {
  const room = await runningRoom(world, owner);
  if (room === undefined) return {};
  const granted = leases.slice(0, Math.max(0, room));
  return { leases: granted, most: Math.min(most, Math.floor(room / Math.max(1, granted.length))), counted: true };
}
