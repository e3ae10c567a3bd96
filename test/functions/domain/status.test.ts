import { describe, expect, it } from "vitest";
import type { TaskResult } from "../../../contract/result.ts";
import { cancelJob, live, release, retryJob, withEnded } from "../../../functions/domain/job.ts";
import { newSlice } from "../../../functions/domain/new-slice.ts";
import { sliceOf, withSlice } from "../../../functions/domain/only-slice.ts";
import type { Job, Slice } from "../../../functions/domain/records.ts";
import { statusOf } from "../../../functions/domain/status.ts";
import {
  aJob,
  aReleasedJob,
  cancel,
  claim,
  does,
  expire,
  finish,
  MINUTE,
  renew,
  SECOND,
  T0,
  terms,
} from "./fixture.ts";

const changed = (job: Job, change: (slice: Slice) => Slice): Job => {
  const slice = sliceOf(job);
  if (!slice) throw new Error("no slice");
  return withSlice(job, change(slice));
};
const held = (job: Job) => changed(job, (slice) => does(slice, claim("l1"), T0));
const none = { waiting: 0, available: 0, executing: 0, delivering: 0, succeeded: 0, failed: 0, dropped: 0 };
const failedResult: TaskResult = { index: 0, outcome: "exited", exitCode: 3, durationMs: 5 };

describe("the status of a job of one task", () => {
  const seen = (job: Job, result?: TaskResult) => {
    const { status, reason } = statusOf(job, [], result);
    return [status, reason];
  };

  it("says what it does now", () => {
    const job = aReleasedJob(1);
    expect(seen(aJob())).toEqual(["uploading", "its inputs are not there yet"]);
    expect(seen(job)).toEqual(["available", "waiting for a worker"]);
    expect(seen(held(job))).toEqual(["executing", undefined]);
    const delivering = changed(held(job), (slice) => does(slice, renew("l1", { delivering: true }), T0));
    expect(seen(delivering)).toEqual(["delivering", undefined]);
    const done = changed(held(job), (slice) => does(slice, finish("l1", 0, ["success"]), T0));
    expect(seen(done)).toEqual(["finished", undefined]);
  });

  it("says why it waits", () => {
    const delayed = aReleasedJob(1, { delayMs: MINUTE });
    expect(seen(delayed)).toEqual(["waiting", `delayed until ${new Date(T0 + MINUTE).toISOString()}`]);
    const failed = changed(held(aReleasedJob(1, { maxTries: 3 })), (s) => does(s, finish("l1", 0, ["failure"]), T0));
    const until = new Date(T0 + SECOND).toISOString();
    expect(seen(failed)).toEqual(["waiting", `backing off after try 1 until ${until}`]);
    const again = changed(failed, (slice) => does(slice, expire, T0 + SECOND));
    expect(seen(again)).toEqual(["available", "waiting for a worker, after try 1 failed"]);
    const lost = changed(held(aReleasedJob(1)), (slice) => does(does(slice, renew("l1"), T0), expire, T0 + 2 * MINUTE));
    expect(seen(lost)).toEqual(["available", "waiting for a worker, after 1 worker vanished while running it"]);
  });

  it("says how it failed", () => {
    const failed = changed(held(aReleasedJob(1)), (slice) => does(slice, finish("l1", 0, ["failure"]), T0));
    const how = (result: Partial<TaskResult>) => seen(failed, { ...failedResult, ...result })[1];
    expect(seen(failed)).toEqual(["failed", "failed"]);
    expect(how({})).toBe("failed: exit code 3");
    expect(how({ outcome: "signalled", exitCode: 137 })).toBe("failed: killed by signal 9");
    expect(how({ outcome: "signalled", exitCode: 137, signal: "SIGKILL" })).toBe("failed: killed by SIGKILL");
    expect(how({ outcome: "timed_out", exitCode: 124 })).toBe("failed: its time limit passed");
    expect(how({ outcome: "limit", reason: "it used 3 GB of 2 GB" })).toBe("failed: it used 3 GB of 2 GB");
    expect(how({ outcome: "not_started", exitCode: 127 })).toBe("failed: could not be started (exit code 127)");
  });

  it("says that it took its workers down", () => {
    const job = held(aReleasedJob(1, { crashLimit: 1 }));
    const poison = changed(job, (slice) => does(does(slice, renew("l1"), T0), expire, T0 + 2 * MINUTE));
    expect(seen(poison)).toEqual(["failed", "failed: too many workers vanished while running it"]);
  });

  it("says who gave it up", () => {
    expect(seen(cancelJob(aJob(), 0, T0))).toEqual(["cancelled", undefined]);
    expect(seen(cancelJob(aReleasedJob(1), 0, T0))).toEqual(["cancelled", undefined]);
    const late = changed(aReleasedJob(1, { expiresMs: MINUTE }), (slice) => does(slice, expire, T0 + MINUTE));
    expect(seen(late)).toEqual(["expired", "it did not start within the time that --expires gives"]);
  });
});

describe("the status of an array", () => {
  it("counts every task once, and names who runs what", () => {
    const job = changed(aReleasedJob(6, { maxTries: 2 }), (slice) => {
      const two = does({ ...slice, taskMs: 10 * SECOND }, claim("l1", { leases: ["l1", "l2"], sharers: 1 }), T0);
      return does(two, finish("l1", 0, ["success", "failure"]), T0);
    });
    const state = statusOf(job, []);
    expect(state).toMatchObject({ status: "executing", startedAt: T0 });
    expect(state.tasks).toEqual({ ...none, succeeded: 1, waiting: 1, executing: 3, available: 1 });
    expect(state.running).toMatchObject([
      { lease: "l1", from: 2, upTo: 3, worker: "w1", try: 1 },
      { lease: "l2", from: 3, upTo: 5, worker: "w1", try: 1 },
    ]);
  });

  const several = () => live(aReleasedJob(6, {}, 3), T0);
  const slice = (job: Job, number: number) => newSlice(job, number, terms(), T0);

  it("is read from the header, and from slices that still run", () => {
    const job = several();
    expect(statusOf(job, [])).toMatchObject({ status: "available", tasks: { ...none, available: 6 } });
    const running = does(slice(job, 1), claim("l1"), T0 + 1);
    const one = does(slice(job, 0), cancel(), T0);
    const next = withEnded(job, one, T0);
    expect(statusOf(next, [one, running])).toMatchObject({
      status: "executing",
      startedAt: T0 + 1,
      tasks: { ...none, dropped: 2, available: 3, executing: 1 },
    });
  });

  it("comes from the counters once all slices are final", () => {
    const ends = (verdict: "success" | "failure") => {
      let job = several();
      for (const number of [0, 1, 2]) {
        let each = does(slice(job, number), claim("", { leases: ["l1", "l2"] }), T0);
        for (const [id, { from }] of Object.entries(each.leases)) each = does(each, finish(id, from, [verdict]), T0);
        job = withEnded(job, each, T0);
      }
      return statusOf(job, []);
    };
    expect(ends("success")).toMatchObject({ status: "finished", tasks: { ...none, succeeded: 6 } });
    expect(ends("failure")).toMatchObject({ status: "failed", reason: "6 of 6 tasks failed" });
  });

  it("is expired when tasks were given up, and stays cancelled while the cancel goes on", () => {
    let job = live(aReleasedJob(6, {}, 3), T0);
    for (const number of [0, 1, 2]) {
      const late = newSlice(job, number, terms({ expiresMs: MINUTE }), T0);
      job = withEnded(job, does(late, expire, T0 + MINUTE), T0 + MINUTE);
    }
    expect(statusOf(job, [])).toMatchObject({ status: "expired", tasks: { ...none, dropped: 6 } });
    const cancelled = cancelJob(several(), 0, T0);
    expect(statusOf(cancelled, [])).toMatchObject({
      status: "cancelled",
      reason: "0 of 6 tasks had ended",
      tasks: { ...none, dropped: 6 },
    });
  });

  it("waits while it is released or reopened", () => {
    const releasing = release(aJob({ count: 6, limit: 3 }), terms(), T0);
    expect(statusOf(releasing, [])).toMatchObject({ status: "waiting", reason: "is being released" });
    let job = several();
    for (const number of [0, 1, 2]) job = withEnded(job, does(slice(job, number), cancel(), T0), T0);
    const retrying = retryJob(job, { round: 0 }, T0);
    if ("code" in retrying) throw new Error(retrying.message);
    expect(statusOf(retrying, [])).toMatchObject({ status: "waiting", reason: "is being reopened" });
  });
});
