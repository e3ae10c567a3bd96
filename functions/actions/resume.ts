import { RendtError } from "../../contract/errors.ts";
import { WATCH_MS } from "../../contract/limits.ts";
import { live, reopen, withEnded } from "../domain/job.ts";
import { newCancelledSlice, newSlice, type Terms, termsOf } from "../domain/new-slice.ts";
import type { Job, Slice } from "../domain/records.ts";
import { decide } from "../domain/slice.ts";
import { sliceId } from "../store/keys.ts";
import { applyToJob, readDonePages, type SliceChange } from "./apply.ts";
import type { World } from "./call.ts";

/** A transaction holds 100 changes, one of them the header's, and some those of counters. */
const SLICES_A_COMMIT = 96;

/** Release, cancel and retry of a job of several slices: each goes on wherever it stopped, whoever carries it on. */
export async function finishRelease(world: World, job: Job): Promise<Job> {
  const terms = await termsOfJob(world, job);
  const now = world.clock();
  const watched = job.watch && { watchUntil: now + WATCH_MS };
  for (const numbers of batches(job)) {
    // Each by itself: a transaction costs twice as much, and a conflict only says that the slice is there already.
    await Promise.all(
      (await missingOf(world, job, numbers)).map((number) => {
        const put = { ...newSlice(job, number, terms, now), ...watched };
        return world.store.commit([{ kind: "slice", put, expect: "absent" }]);
      }),
    );
  }
  const released = await applyToJob(world, job.id, (header, now) => live(header, now));
  world.doorbell.ring(`queue:${job.queue}`);
  return released ?? job;
}

/** Ends all slices of a cancelled job; those that a slow release has not written yet are written cancelled. */
export async function finishCancel(world: World, job: Job): Promise<Job> {
  const terms = await termsOfJob(world, job);
  return eachBatch(world, job, async (header, numbers, now) => {
    const found = await world.store.get(
      "slice",
      numbers.map((number) => sliceId(job.id, number)),
    );
    return numbers.flatMap((number, at) => {
      const slice = found[at];
      if (!slice) return created(newCancelledSlice(header, number, terms, now));
      const decision = decide(slice, { kind: "cancel", round: slice.round }, now);
      if ("code" in decision) throw new RendtError("internal", `cancel of ${job.id}: ${decision.message}`);
      return decision.slice === slice ? ended(slice) : changed(slice, decision.slice);
    });
  });
}

/** Reopens the bad slices of a job that is being retried. */
export async function finishRetry(world: World, job: Job): Promise<Job> {
  for (const numbers of batches(job)) {
    await applyToJob(world, job.id, async (header, now) => {
      const found = await world.store.get(
        "slice",
        numbers.map((number) => sliceId(job.id, number)),
      );
      let next = header;
      const also: SliceChange[] = [];
      for (const slice of found) {
        if (!slice) continue;
        const reopened = reopen(next, slice, slice.pages && (await readDonePages(world.store, slice)), now);
        if (!reopened) continue;
        if ("code" in reopened) throw new RendtError("internal", `retry of ${job.id}: ${reopened.message}`);
        next = reopened.job;
        also.push(changed(slice, reopened.slice));
      }
      return { job: next, also };
    });
  }
  return (await applyToJob(world, job.id, (header, now) => live(header, now))) ?? job;
}

type Touched = SliceChange | { after: Slice; change?: undefined };

async function eachBatch(
  world: World,
  job: Job,
  touch: (header: Job, numbers: number[], now: number) => Promise<Touched[]>,
): Promise<Job> {
  let last = job;
  for (const numbers of batches(job)) {
    const header = await applyToJob(world, job.id, async (header, now) => {
      const touched = await touch(header, numbers, now);
      const next = touched.reduce((sum, { after }) => withEnded(sum, after, now), header);
      return { job: next, also: touched.filter((each) => each.change !== undefined) };
    });
    last = header ?? last;
  }
  return last;
}

const ended = (after: Slice): Touched => ({ after });
const created = (after: Slice): SliceChange => ({ change: { kind: "slice", put: after, expect: "absent" }, after });

function changed(before: Slice, next: Slice): SliceChange {
  const after = { ...next, version: before.version + 1 };
  return { change: { kind: "slice", put: after, expect: before.version }, before, after };
}

async function missingOf(world: World, job: Job, numbers: number[]): Promise<number[]> {
  const found = await world.store.get(
    "slice",
    numbers.map((number) => sliceId(job.id, number)),
  );
  return numbers.filter((_, at) => found[at] === undefined);
}

function* batches({ slices }: Job): Generator<number[]> {
  for (let from = 0; from < slices; from += SLICES_A_COMMIT) {
    yield Array.from({ length: Math.min(SLICES_A_COMMIT, slices - from) }, (_, at) => from + at);
  }
}

const termsOfJob = async (world: World, job: Job): Promise<Terms> => termsOf(await world.specs.read(job));
