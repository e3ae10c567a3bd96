import { slicePlaces } from "../../functions/domain/index-places.ts";
import { cancelJob, dueWork, live, reopen } from "../../functions/domain/job.ts";
import { newCancelledSlice, newSlice } from "../../functions/domain/new-slice.ts";
import { beginSweep } from "../../functions/domain/time.ts";
import { clockOf, eachOf, entriesOf, nowIn, sliceIn, slicesIn, type World } from "./state.ts";
import { act, writeJob, writeSlice } from "./world.ts";

const SWEEP_PERIOD_MS = 1000;

export function sweep(world: World): void {
  const plan = beginSweep(world.sweep, clockOf(world), SWEEP_PERIOD_MS);
  world.sweep = plan.state;
  const isDue = (wakeAt: number | undefined) => wakeAt !== undefined && (plan.walkAll || wakeAt <= plan.now);
  for (const slice of slicesIn(world)) {
    if (!isDue(slicePlaces(slice).wakeAt)) continue;
    act(world, slice.number, { kind: "expire", ...(plan.holdUntil && { holdUntil: plan.holdUntil }) });
  }
  const { job } = world;
  if (job.only || !isDue(job.wakeAt)) return;
  if (dueWork(job) === "abandon") writeJob(world, cancelJob(job, job.round, plan.now));
  else while (resume(world));
}

/** One commit of what a due header still lacks; false when there is nothing left to do. */
export function resume(world: World): boolean {
  const { job } = world;
  const now = nowIn(world);
  const numbers = Array.from({ length: job.slices }, (_, number) => number);
  switch (dueWork(job)) {
    case "release": {
      const missing = numbers.find((number) => !world.slices.has(number));
      if (missing === undefined) writeJob(world, live(job, now));
      else createSlice(world, missing);
      return true;
    }
    case "cancel": {
      const next = numbers.find((number) => (sliceIn(world, number)?.status ?? "open") === "open");
      if (next === undefined) throw new Error("violation: a cancel has nothing to do and is due");
      const slice = sliceIn(world, next);
      if (slice) act(world, next, { kind: "cancel", round: slice.round });
      else writeSlice(world, undefined, newCancelledSlice(job, next, world.terms, now));
      return true;
    }
    case "retry": {
      for (const slice of world.slices.values()) {
        const again = reopen(job, slice, entriesOf(world, slice), now);
        if (!again || "code" in again) continue;
        eachOf(slice, (position) => world.ghost.losses.delete(position));
        writeSlice(world, slice, again.slice, again.job);
        return true;
      }
      writeJob(world, live(job, now));
      return true;
    }
    default:
      return false;
  }
}

export function createSlice(world: World, number: number): void {
  const header = world.slowRelease;
  if (!header || world.slices.has(number)) return;
  writeSlice(world, undefined, newSlice(header, number, world.terms, nowIn(world)));
}
