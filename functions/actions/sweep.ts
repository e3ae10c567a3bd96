import { cancelJob, dueWork, isFinal } from "../domain/job.ts";
import type { SweepState } from "../domain/records.ts";
import { beginSweep, type SweepPlan } from "../domain/time.ts";
import type { DueKey, SliceKey } from "../store/port.ts";
import { applyToJob, applyToSlice } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { World } from "./call.ts";
import { removeOldCode } from "./codes.ts";
import { finishCancel, finishRelease, finishRetry } from "./resume.ts";
import { purge, removeJob } from "./rm.ts";

const PAGE = 100;
const MAX_UNDER_WAY = 16;
/** The time of the last sweep is written at least so often: each second would keep an idle disk awake for ever. */
const REMEMBER_MS = 20_000;
/** Later than any timer. */
const ALL = 4e15;

/**
 * Makes the sweep of one process: each call does what is due by now. It alone expires leases and jobs (lifecycle.md, rule 3), carries on
 * what was interrupted, and removes what is past its retention. Calls must not overlap.
 */
export function createSweep(world: World): () => Promise<void> {
  let last: SweepState | undefined;
  let written: SweepState | undefined;

  return async function sweep() {
    if (!written) {
      [written] = await world.store.get("sweep", ["sweep"]);
      last = written;
    }
    const plan = beginSweep(last, world.clock(), world.sweepPeriodMs);
    await sweepDue(world, plan);
    last = plan.state;
    const isOld = !written || plan.now - written.lastSweepAt >= REMEMBER_MS || plan.walkAll;
    if (isOld || written?.holdExpiryUntil !== plan.state.holdExpiryUntil) {
      const put = { ...plan.state, version: (written?.version ?? 0) + 1 };
      const committed = await world.store.commit([{ kind: "sweep", put, expect: written?.version ?? "absent" }]);
      // Another sweeper was here: what it wrote is read before the next one.
      written = committed === "ok" ? put : undefined;
    }
  };
}

async function sweepDue(world: World, plan: SweepPlan): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await world.store.findDue(plan.walkAll ? ALL : plan.now, {
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    await mapAtMost(MAX_UNDER_WAY, page.items, (due) =>
      // One record that can't be swept must not keep the others waiting.
      sweepOne(world, due, plan).catch((error: unknown) => {
        const cause = error instanceof Error ? error.stack : String(error);
        world.log("error", "the sweep failed on a record", { kind: due.kind, id: due.id, error: cause });
      }),
    );
    cursor = page.next;
  } while (cursor !== undefined);
}

async function sweepOne(world: World, { kind, id }: DueKey, plan: SweepPlan): Promise<void> {
  if (kind === "tombstone") return sweepTombstone(world, id, plan.now);
  if (kind === "code") return removeOldCode(world, id, plan.now);
  if (kind === "slice") return expire(world, readSliceId(id), plan);
  const [job] = await world.store.get("job", [id]);
  if (!job) return;
  if (isFinal(job)) {
    if (job.wakeAt !== undefined && job.wakeAt <= plan.now) await removeJob(world, id, (found) => found ?? job);
    return;
  }
  switch (dueWork(job)) {
    case "slice":
      return expire(world, { job: id }, plan);
    case "abandon":
      await applyToJob(world, id, (found, now) =>
        found.phase === "uploading" && (found.wakeAt ?? ALL) <= now ? cancelJob(found, found.round, now) : found,
      );
      return;
    case "release":
      await finishRelease(world, job);
      return;
    case "retry":
      await finishRetry(world, job);
      return;
    case "cancel":
      await finishCancel(world, job);
      return;
    case undefined:
      return;
  }
}

async function expire(world: World, key: SliceKey, { holdUntil }: SweepPlan): Promise<void> {
  await applyToSlice<"expire">(world, key, () => ({ kind: "expire", ...(holdUntil !== undefined && { holdUntil }) }));
}

/** What a cut removal left behind goes with the tombstone. */
async function sweepTombstone(world: World, id: string, now: number): Promise<void> {
  const [tombstone] = await world.store.get("tombstone", [id]);
  if (!tombstone || tombstone.wakeAt > now) return;
  await purge(world, tombstone);
  await world.store.commit([{ kind: "tombstone", remove: id, expect: tombstone.version }]);
}

function readSliceId(id: string): SliceKey {
  const dot = id.lastIndexOf(".");
  return { job: id.slice(0, dot), number: Number(id.slice(dot + 1)) };
}
