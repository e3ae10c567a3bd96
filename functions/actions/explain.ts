import { MOST_AHEAD } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { isSilent, stateOf } from "../../contract/worker-state.ts";
import { isPin, PINS } from "../domain/demand.ts";
import type { Job, Slice, WorkerRecord } from "../domain/records.ts";
import type { Call, World } from "./call.ts";
import { ownJob } from "./own-job.ts";
import { PUBLIC } from "./queue.ts";
import { quotasOf } from "./quotas.ts";
import { isDraining } from "./sightings.ts";
import { unfit, warningFor } from "./unfit.ts";
import { slicesOf, viewJob } from "./view.ts";

const MOST_WORKERS = 200;
const NOBODY_ASKS =
  "no worker that fits asks for work now: each is busy, away, or held back by its owner's rules (`rendt worker why` on its machine)";
const RESTS = "rests: its owner's rules hold it back now (`rendt worker why` on its machine)";

/** Why a job waits: what is true of itself, and for each worker of the account what does not fit. */
export async function explain({ world, who }: Call, { id }: ParsedRequestOf<"explain">): Promise<AnswerOf<"explain">> {
  const job = await ownJob(world, who, id);
  const now = world.clock();
  const [view, slices, found, ahead] = await Promise.all([
    viewJob(world, job),
    slicesOf(world, job),
    world.store.list("worker", who.account, { limit: MOST_WORKERS }),
    aheadOf(world, job),
  ]);
  const workers = found.items.map((worker) => {
    const reasons = against(worker, { job, slices, now });
    const { id, name, lastSeenAt, sandbox, limits, namespaces } = worker;
    const state = stateOf(worker, now);
    return { id, name, state, lastSeenAt, sandbox, limits, namespaces, fits: reasons.length === 0, reasons };
  });
  const reasons = view.reason === undefined ? [] : [view.reason];
  const isWaiting = view.status === "available" || view.status === "waiting";
  if (isWaiting && workers.length === 0) reasons.push(`account ${who.account} has no worker: start one`);
  else if (isWaiting && !workers.some(({ fits }) => fits)) reasons.push("no worker of the account can take it now");
  else if (view.status === "available" && job.queue !== PUBLIC && nobodyAsks(world, workers)) reasons.push(NOBODY_ASKS);
  const warning = isWaiting && job.queue === PUBLIC ? await warningFor(world, job) : undefined;
  if (warning) reasons.push(warning.message);
  const runs = view.status === "executing" || view.status === "delivering";
  if (runs) reasons.push(...(await aboutRoom(world, job)));
  return { job: view, reasons, ...(ahead !== undefined && { ahead }), workers };
}

/** Only where questions are held open is it known who asks: elsewhere another process may hear of it. */
const nobodyAsks = ({ doorbell, askers }: World, workers: readonly { id: string; fits: boolean }[]): boolean =>
  doorbell.holds && !workers.some(({ id, fits }) => fits && askers.isAsking(id));

/** Jobs before this one in its queue; undefined when nothing of it can be claimed now. */
async function aheadOf({ store }: World, { id, queue, class: place }: Job): Promise<number | undefined> {
  const listed = (await store.listClasses(queue)).filter((name) => name !== PINS);
  const classes = isPin(place) ? [...listed, place] : listed;
  const { items, next } = await store.findClaimable({ queue, classes }, { limit: MOST_AHEAD });
  const at = items.findIndex(({ job }) => job === id);
  if (at < 0 && next === undefined) return undefined;
  return at < 0 ? MOST_AHEAD : new Set(items.slice(0, at).map(({ job }) => job)).size;
}

/** Outputs that do not fit into the account's quota wait at their worker. */
async function aboutRoom(world: World, { owner, metered }: Job): Promise<string[]> {
  const { bytes } = await quotasOf(world, owner);
  if (bytes === undefined || metered?.bytes === undefined) return [];
  const [used = 0] = await world.store.counts(owner, ["bytes"]);
  return [`account ${owner} uses ${used} of its quota of ${bytes} bytes: outputs that do not fit wait at their worker`];
}

function against(
  worker: WorkerRecord,
  { job, slices, now }: { job: Job; slices: readonly Slice[]; now: number },
): string[] {
  const reasons = unfit(worker, job);
  if (isDraining(worker)) reasons.push(`is draining: it takes nothing new until \`rendt worker resume ${worker.id}\``);
  if (isSilent(worker, now)) reasons.push(`was not heard of for ${span(now - worker.lastSeenAt)}`);
  if (worker.away?.why === "stopped") reasons.push(`stopped ${span(now - worker.away.since)} ago`);
  if (worker.away?.why === "resting") reasons.push(RESTS);
  const avoided = slices.flatMap(({ open }) =>
    open.flatMap(({ avoid }) => (avoid?.worker === worker.id ? avoid.until : [])),
  );
  const open = slices.reduce((sum, slice) => sum + slice.open.length, 0);
  if (open > 0 && avoided.length === open && !isPin(job.class)) {
    const until = new Date(Math.min(...avoided)).toISOString();
    reasons.push(`failed it or gave it back, and is kept from it until ${until} while others are there`);
  }
  return reasons;
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return minutes === 1 ? "a minute" : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
