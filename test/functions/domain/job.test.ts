import { describe, expect, it } from "vitest";
import { jobSpec } from "../../../contract/job.ts";
import { INLINE_RECORD_BYTES } from "../../../contract/limits.ts";
import { jobPlaces } from "../../../functions/domain/index-places.ts";
import {
  cancelJob,
  dueWork,
  isFinal,
  live,
  release,
  reopen,
  retryJob,
  tasksElsewhere,
  tombstoneOf,
  UPLOAD_MS,
  withEnded,
} from "../../../functions/domain/job.ts";
import { newCancelledSlice, newSlice, termsOf } from "../../../functions/domain/new-slice.ts";
import { sliceOf, withSlice } from "../../../functions/domain/only-slice.ts";
import { type Job, job as jobSchema, type Slice } from "../../../functions/domain/records.ts";
import { aJob, aReleasedJob, cancel, claim, does, finish, MINUTE, renew, retry, SECOND, T0, terms } from "./fixture.ts";

const only = (job: Job): Slice => {
  const slice = sliceOf(job);
  if (!slice) throw new Error("no slice");
  return slice;
};
const ended = (slice: Slice, verdict: "success" | "failure"): Slice => {
  const size = slice.upTo - slice.from;
  const held = does(slice, claim("l", { leases: Array.from({ length: size }, (_, i) => `l${i}`) }), T0);
  return Object.entries(held.leases).reduce(
    (next, [id, { from }]) => does(next, finish(id, from, [verdict]), T0 + 1),
    held,
  );
};

/** Three slices of two tasks. */
const several = () => aReleasedJob(6, {}, 3);
const slices = (job: Job) => [0, 1, 2].map((number) => newSlice(job, number, terms({ cap: 1 }), T0));
function allEnded(verdicts: ("success" | "failure")[]): { job: Job; slices: Slice[] } {
  let job = live(several(), T0);
  const done = slices(job).map((slice, i) => ended({ ...slice, cap: 8 }, verdicts[i] ?? "success"));
  for (const slice of done) job = withEnded(job, slice, T0 + 1);
  return { job, slices: done };
}

describe("a job of one slice", () => {
  it("waits for its inputs, then is live in one write", () => {
    const job = aJob();
    expect(jobPlaces(job)).toEqual({ wakeAt: T0 + UPLOAD_MS });
    expect(dueWork(job)).toBe("abandon");
    const released = release(job, terms(), T0 + 1);
    expect(released).toMatchObject({ phase: "live", times: { releasedAt: T0 + 1 }, only: { status: "open" } });
    expect(jobPlaces(released)).toEqual({ byQueue: { queue: "a1", class: "any", order: 5 } });
  });

  it("is released once", () => {
    const released = release(aJob(), terms(), T0);
    expect(release(released, terms(), T0 + 9)).toBe(released);
  });

  it("carries its slice without loss", () => {
    const unusual = terms({ codes: { retry: [3] }, expiresMs: MINUTE, crashLimit: 2, maxTries: 3, cap: 1 });
    const job = release(aJob({ count: 6 }), unusual, T0);
    const fresh = newSlice(job, 0, unusual, T0);
    expect(sliceOf(withSlice(job, fresh))).toEqual(fresh);
    const known = { taskMs: 7, pages: ["p"], pastExpiry: true, watchUntil: T0, version: job.version };
    const slice = { ...does(fresh, claim("l1"), T0), ...known };
    const held = does(slice, finish("l1", 0, ["failure"]), T0);
    for (const each of [slice, held]) expect(sliceOf(withSlice(job, each))).toEqual(each);
  });

  it("stays within one write unit from create to its end", () => {
    const id = { id: "jxxxxxxxxxxxx", owner: "axxxxxxxxxxxx", queue: "axxxxxxxxxxxx", class: "cpus=1,memory=1024" };
    const spec = { inline: { command: ["python3", "simulate.py", "--seed", "12345"], outputs: ["out/*"] } };
    const lease = "jxxxxxxxxxxxx-0123456789abcdef";
    const worker = "wxxxxxxxxxxxx";
    let job = aJob({ ...id, spec, name: "simulation", requestHash: "h".repeat(43), keepMs: 30 * 86_400_000 });
    const sizes = [job];
    job = release(job, terms(), T0);
    sizes.push(job);
    let slice = does(only(job), claim(lease, { worker }), T0);
    sizes.push(withSlice(job, slice));
    slice = does(slice, renew(lease, { worker }), T0);
    sizes.push(withSlice(job, slice));
    const doc = { inline: [{ index: 0, outcome: "exited", exitCode: 0, durationMs: 1234 }] };
    slice = does(slice, finish(lease, 0, ["success"], { worker, doc }), T0);
    sizes.push(withSlice(job, slice));
    const bytes = sizes.map((each) => JSON.stringify(jobSchema.parse(each)).length);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(INLINE_RECORD_BYTES);
  });

  it("is cancelled with its slice, before or after the release", () => {
    const early = cancelJob(aJob(), 0, T0 + 1);
    expect(early).toMatchObject({ phase: "cancelled", times: { endedAt: T0 + 1 } });
    expect([isFinal(early), jobPlaces(early)]).toEqual([true, {}]);
    expect(release(early, terms(), T0 + 2)).toBe(early);
    const late = cancelJob(aReleasedJob(1), 0, T0 + 1);
    expect([isFinal(late), only(late).status, jobPlaces(late)]).toEqual([true, "cancelled", {}]);
    expect(cancelJob(late, 0, T0 + 2)).toBe(late);
  });

  it("never leaves success: cancel and retry change nothing", () => {
    const job = withSlice(aReleasedJob(1), ended(only(aReleasedJob(1)), "success"));
    expect(cancelJob(job, 0, T0 + 2)).toBe(job);
    expect(retryJob(job, { round: 0 }, T0 + 2)).toBe(job);
  });

  it("is retried in a new round, once ended", () => {
    const job = aReleasedJob(1);
    expect(retryJob(job, { round: 0 }, T0)).toMatchObject({ code: "not_ended" });
    const again = retryJob(cancelJob(job, 0, T0), { round: 0 }, T0);
    expect(again).toMatchObject({ round: 1, only: { status: "open" } });
    expect("code" in again || retryJob(again, { round: 0 }, T0)).toBe(again);
  });

  it("that was cancelled before its release waits for its inputs again", () => {
    const again = retryJob(cancelJob(aJob(), 0, T0), { round: 0 }, T0 + 1);
    expect(again).toMatchObject({ phase: "uploading", round: 1, wakeAt: T0 + 1 + UPLOAD_MS });
    expect("code" in again || only(release(again, terms(), T0 + 2)).round).toBe(1);
  });
});

describe("a job of several slices", () => {
  it("is due until all its slices are written, then live and at rest", () => {
    const job = several();
    expect(job).toMatchObject({ phase: "releasing", due: true, slices: 3 });
    expect([dueWork(job), jobPlaces(job)]).toEqual(["release", { wakeAt: T0 + 30 * SECOND }]);
    const all = live(job, T0 + 1);
    expect([all.phase, all.due, jobPlaces(all), isFinal(all)]).toEqual(["live", undefined, {}, false]);
    expect(live(all, T0 + 2)).toBe(all);
  });

  it("makes the same slices whenever the release is resumed", () => {
    const job = several();
    const of = (now: number) => newSlice(job, 1, terms({ delayMs: MINUTE, expiresMs: 2 * MINUTE }), now);
    expect(of(T0 + 20 * SECOND)).toEqual(of(T0));
    expect(of(T0)).toMatchObject({ from: 2, upTo: 4, expiresAt: T0 + 2 * MINUTE, wakeAt: T0 + MINUTE });
  });

  it("sums its final slices up, each once, and ends with the last", () => {
    const { job, slices: done } = allEnded(["success", "failure", "success"]);
    expect(job.sums).toEqual({ succeeded: 4, failed: 2, dropped: 0, ended: "7" });
    expect(job.times.endedAt).toBe(T0 + 1);
    expect(isFinal(job)).toBe(true);
    for (const slice of done) expect(withEnded(job, slice, T0 + 2)).toBe(job);
  });

  it("cancels its slices while due, and finds the missing ones taken", () => {
    let job = cancelJob(several(), 0, T0);
    expect([job.phase, dueWork(job), isFinal(job)]).toEqual(["cancelled", "cancel", false]);
    const [first, second, third] = slices(job);
    if (!first || !second || !third) throw new Error("three slices");
    job = withEnded(job, ended({ ...first, cap: 8 }, "success"), T0);
    job = withEnded(job, does(second, cancel(), T0), T0);
    expect(jobPlaces(job).wakeAt).toBeDefined();
    job = withEnded(job, newCancelledSlice(job, 2, terms(), T0), T0 + 5);
    expect(job.sums).toEqual({ succeeded: 2, failed: 0, dropped: 4, ended: "7" });
    expect([isFinal(job), job.times.endedAt, jobPlaces(job)]).toEqual([true, T0 + 5, {}]);
  });

  it("reopens only bad slices of an older round, and takes their counters back", () => {
    const { job, slices: done } = allEnded(["success", "failure", "failure"]);
    const retrying = retryJob(job, { round: 0 }, T0);
    if ("code" in retrying) throw new Error(retrying.message);
    expect(retrying).toMatchObject({ phase: "retrying", round: 1, due: true });
    expect(isFinal(retrying)).toBe(false);
    const [good, bad] = done;
    if (!good || !bad) throw new Error("slices");
    expect(reopen(retrying, good, undefined, T0)).toBeUndefined();
    const again = reopen(retrying, bad, undefined, T0);
    if (!again || "code" in again) throw new Error("not reopened");
    expect(again.job.sums).toEqual({ succeeded: 2, failed: 2, dropped: 0, ended: "5" });
    expect(again.slice).toMatchObject({ status: "open", round: 1 });
    expect(reopen(again.job, again.slice, undefined, T0)).toBeUndefined();
    expect(reopen(live(again.job, T0), bad, undefined, T0)).toBeUndefined();
  });

  it("brings a slice that an interrupted retry left behind into the present round", () => {
    const { job, slices: done } = allEnded(["success", "failure", "failure"]);
    const behind = done[1];
    if (!behind) throw new Error("slice");
    const again = reopen({ ...job, phase: "retrying", due: true, round: 3 }, behind, undefined, T0);
    expect(again).toMatchObject({ slice: { round: 3 } });
  });

  it("whose retry is cancelled before anything was reopened is final at once", () => {
    const { job } = allEnded(["success", "failure", "success"]);
    const retrying = retryJob(job, { round: 0 }, T0);
    if ("code" in retrying) throw new Error(retrying.message);
    expect(isFinal(cancelJob(retrying, 1, T0))).toBe(true);
  });

  it("grants no wish of an older round", () => {
    const { job } = allEnded(["failure"]);
    const again = retryJob(job, { round: 0 }, T0);
    if ("code" in again) throw new Error(again.message);
    expect(cancelJob(again, 0, T0)).toBe(again);
    expect(retryJob(again, { round: 0 }, T0)).toBe(again);
  });
});

describe("removal", () => {
  it("needs a final job, and leaves a tombstone for a day", () => {
    expect(tombstoneOf(aReleasedJob(1), T0)).toMatchObject({ code: "not_ended" });
    const gone = tombstoneOf(cancelJob(aReleasedJob(1), 0, T0), T0);
    expect(gone).toMatchObject({ id: "j0123456789ab", requestHash: "h", wakeAt: T0 + 86_400_000 });
  });
});

describe("the terms of a spec", () => {
  it("are what its slices have to know", () => {
    const spec = jobSpec.parse({
      command: ["true"],
      retries: 2,
      retryOn: [3],
      delayMs: 5,
      array: { count: 100, limit: 4 },
    });
    expect(termsOf(spec)).toEqual({ cap: 1, crashLimit: 10, maxTries: 3, codes: { retry: [3] }, delayMs: 5 });
    expect(termsOf(jobSpec.parse({ command: ["true"] }))).toEqual({ cap: 8, crashLimit: 10, maxTries: 1 });
  });
});

it("retry at the slice drops expiry and keeps successes", () => {
  const slice = does(only(aReleasedJob(1, { expiresMs: MINUTE })), cancel(), T0);
  expect(does(slice, retry(), T0)).not.toHaveProperty("expiresAt");
});

it("what a job has beside the slice at hand is half of each slice that has not ended", () => {
  const job = several();
  expect(tasksElsewhere(job)).toBe(2);
  const [first] = slices(job);
  if (!first) throw new Error("no slice");
  expect(tasksElsewhere(withEnded(job, { ...first, status: "finished" }, T0))).toBe(1);
});
