import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../contract/result.ts";
import { verdictOf } from "../../../functions/domain/finish.ts";
import {
  aSlice,
  cancel,
  claim,
  does,
  expire,
  finish,
  MINUTE,
  refused,
  renew,
  retry,
  SECOND,
  T0,
  told,
} from "./fixture.ts";

const known = { taskMs: 10 * SECOND };
const span = (from: number, upTo: number) => ({ from, upTo });
/** Six tasks, of which l1 holds 0, 1 and 2. */
const held = (crashLimit = 10, maxTries = 1) => does(aSlice(6, { crashLimit, maxTries }, known), claim("l1"), T0);
const lost = () => does(does(held(), renew("l1"), T0), expire, T0 + 2 * MINUTE);

describe("finish", () => {
  it("takes results in task order and moves the lease on", () => {
    const { slice, answer } = told(held(), finish("l1", 0, ["success", "success"]), T0);
    expect(answer).toEqual({ accepted: [span(0, 2)], lost: [] });
    expect(slice.leases["l1"]).toMatchObject({ from: 2, upTo: 3 });
    expect(slice).toMatchObject({ succeeded: 2, failed: 0, status: "open" });
    const doc = { doc: { hash: "l1-0" }, docFrom: 0 };
    expect(slice.done).toEqual([
      { lease: "l1", worker: "w1", from: 0, upTo: 2, end: "succeeded", at: T0, round: 0, ...doc },
    ]);
  });

  it("refuses a gap, names the task it owes, and changes nothing", () => {
    expect(refused(held(), finish("l1", 1, ["success"]), T0)).toMatchObject({ code: "gap", details: { from: 0 } });
  });

  it("answers what it took before as it did, also inside a longer offer", () => {
    const once = does(held(), finish("l1", 0, ["success"]), T0);
    expect(told(once, finish("l1", 0, ["success"]), T0)).toEqual({
      slice: once,
      answer: { accepted: [span(0, 1)], lost: [] },
    });
    const { slice, answer } = told(once, finish("l1", 0, ["success", "failure"]), T0);
    expect(answer).toEqual({ accepted: [span(0, 2)], lost: [] });
    expect(slice).toMatchObject({ succeeded: 1, failed: 1 });
  });

  it("takes a late result while nobody else took the task, and the crash back", () => {
    const { slice, answer } = told(lost(), finish("l1", 0, ["success", "failure"]), T0 + 60 * MINUTE);
    expect(answer).toEqual({ accepted: [span(0, 2)], lost: [] });
    expect(slice.open[0]).toMatchObject({ from: 2, upTo: 3, crashes: 1, was: { lease: "l1" } });
    const again = does(does(aSlice(1, { maxTries: 2 }), claim("l1"), T0), renew("l1"), T0);
    const retried = does(does(again, expire, T0 + 2 * MINUTE), finish("l1", 0, ["failure"]), T0 + 2 * MINUTE);
    expect(retried.open[0]).toMatchObject({ tries: 1, crashes: 0 });
    expect(retried.open[0]).not.toHaveProperty("was");
  });

  it("loses exactly the tasks that another lease took", () => {
    const taken = does(lost(), claim("l2", { worker: "w2" }), T0 + 2 * MINUTE);
    const { slice, answer } = told(taken, finish("l1", 0, ["success", "success", "success"]), T0 + 2 * MINUTE);
    expect(answer).toEqual({ accepted: [span(1, 3)], lost: [span(0, 1)] });
    expect(slice.leases["l2"]).toEqual(taken.leases["l2"]);
  });

  it("takes nothing from another worker, live or late, and gives nothing back for it", () => {
    expect(refused(held(), finish("l1", 0, ["success"], { worker: "w2" }), T0).code).toBe("not_your_lease");
    const late = lost();
    const stranger = finish("l1", 0, ["success"], { worker: "w2", end: "released" });
    expect(told(late, stranger, T0 + 2 * MINUTE)).toEqual({
      slice: late,
      answer: { accepted: [], lost: [span(0, 1)] },
    });
  });

  it("puts a failed try back with a growing wait, away from its worker", () => {
    const slice = does(held(10, 3), finish("l1", 0, ["failure"]), T0);
    const avoid = { worker: "w1", until: T0 + MINUTE };
    expect(slice.open[0]).toEqual({ from: 0, upTo: 1, tries: 1, crashes: 0, notBefore: T0 + SECOND, avoid });
    const second = does(slice, claim("l2", { worker: "w2", named: true }), T0 + SECOND);
    const again = does(second, finish("l2", 0, ["failure"], { worker: "w2" }), T0 + SECOND);
    expect(again.open[0]).toMatchObject({ tries: 2, notBefore: T0 + 3 * SECOND });
    expect(again.done.map(({ end }) => end)).toEqual(["retrying", "retrying"]);
  });

  it("fails a task after its last try, or at once when it is not worth another", () => {
    expect(does(held(10, 1), finish("l1", 0, ["failure"]), T0)).toMatchObject({ failed: 1 });
    expect(does(held(10, 3), finish("l1", 0, ["final"]), T0)).toMatchObject({ failed: 1 });
  });

  it("ends the slice with its last task", () => {
    const one = does(aSlice(1), claim("l1"), T0);
    expect(does(one, finish("l1", 0, ["success"]), T0 + 1)).toMatchObject({
      status: "finished",
      times: { endedAt: T0 + 1 },
    });
    expect(does(one, finish("l1", 0, ["failure"]), T0 + 1)).toMatchObject({ status: "failed" });
  });

  it("gives the rest back unharmed, and keeps the giver away for 60 s", () => {
    const slice = does(held(), finish("l1", 0, ["success"], { end: "released" }), T0);
    const avoid = { worker: "w1", until: T0 + MINUTE };
    expect(slice.leases).toEqual({});
    expect(slice.open[0]).toEqual({ from: 1, upTo: 3, tries: 0, crashes: 0, avoid });
    expect(told(slice, renew("l1"), T0).answer).toEqual({ state: "lost" });
  });

  it("may give a tail back while earlier results are still on their way", () => {
    const slice = does(held(), finish("l1", 2, [], { end: "released" }), T0);
    expect(slice.leases["l1"]).toMatchObject({ from: 0, upTo: 2 });
    expect(told(slice, finish("l1", 0, ["success", "success"]), T0).answer.accepted).toEqual([span(0, 2)]);
  });

  it("counts a crash for the task whose child vanished, and for none of its neighbours", () => {
    const slice = does(held(), finish("l1", 0, ["success"], { end: "vanished" }), T0);
    expect(slice.open).toEqual([
      { from: 1, upTo: 2, tries: 0, crashes: 1 },
      { from: 2, upTo: 6, tries: 0, crashes: 0 },
    ]);
  });

  it("ends a vanished task at the crash limit, once, however often it is told", () => {
    const vanished = finish("l1", 0, [], { end: "vanished" });
    const slice = does(held(1), vanished, T0);
    expect(slice).toMatchObject({ failed: 1, done: [{ end: "poison", from: 0, upTo: 1 }] });
    expect(told(slice, vanished, T0).slice).toBe(slice);
  });

  it("does not count a late vanished child twice, and spares its neighbours what the expiry counted", () => {
    const slice = does(lost(), finish("l1", 0, [], { end: "vanished" }), T0 + 2 * MINUTE);
    expect(slice.open.map(({ from, upTo, crashes }) => [from, upTo, crashes])).toEqual([
      [0, 1, 1],
      [1, 6, 0],
    ]);
  });

  it("takes no result of a lease of an earlier round, but answers what it took then", () => {
    const ended = does(does(held(), finish("l1", 0, ["success"]), T0), cancel(), T0);
    const again = does(ended, retry(), T0);
    const { slice, answer } = told(again, finish("l1", 0, ["success", "success"]), T0);
    expect(answer).toEqual({ accepted: [span(0, 1)], lost: [span(1, 2)] });
    expect(slice).toBe(again);
    expect(told(lost(), finish("l1", 0, ["success"], { round: 7 }), T0).answer.lost).toEqual([span(0, 1)]);
  });

  it("loses a result that comes after the task became poison", () => {
    const one = does(does(aSlice(1, { crashLimit: 1 }), claim("l1"), T0), renew("l1"), T0);
    const poison = does(one, expire, T0 + 2 * MINUTE);
    expect(poison.status).toBe("failed");
    expect(told(poison, finish("l1", 0, ["success"]), T0 + 3 * MINUTE).answer).toEqual({
      accepted: [],
      lost: [span(0, 1)],
    });
  });

  it("remembers how long a task takes", () => {
    const first = does(does(aSlice(4), claim("l1"), T0), finish("l1", 0, ["success"], { taskMs: 100 }), T0);
    expect(first.taskMs).toBe(100);
    const second = does(does(first, claim("l2"), T0), finish("l2", 1, ["success"], { taskMs: 300 }), T0);
    expect(second.taskMs).toBe(200);
  });
});

describe("a verdict", () => {
  const of = (outcome: Outcome, exitCode: number, codes?: { success?: number[]; retry?: number[] }) =>
    verdictOf({ outcome, exitCode }, codes);

  it("is success for exit code 0, or those that the job names", () => {
    expect(of("exited", 0)).toBe("success");
    expect(of("exited", 3, { success: [0, 3] })).toBe("success");
    expect(of("exited", 0, { success: [3] })).toBe("failure");
  });
  it("is never success for what did not end by itself", () => {
    expect(of("signalled", 137, { success: [137] })).toBe("failure");
    expect(of("timed_out", 0)).toBe("failure");
    expect(of("limit", 0)).toBe("failure");
    expect(of("not_started", 127)).toBe("failure");
  });
  it("is final for exit codes that are not worth a retry", () => {
    expect(of("exited", 1, { retry: [75] })).toBe("final");
    expect(of("exited", 75, { retry: [75] })).toBe("failure");
  });
});
