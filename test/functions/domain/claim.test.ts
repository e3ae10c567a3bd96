import { describe, expect, it } from "vitest";
import { leaseTasks } from "../../../functions/domain/lease.ts";
import { aSlice, claim, does, expire, finish, MINUTE, renew, SECOND, T0, told } from "./fixture.ts";

describe("claim", () => {
  it("takes the first tasks and is good for 60 s", () => {
    const { slice, answer } = told(aSlice(5), claim("l1"), T0);
    expect(answer).toEqual({
      leases: [{ lease: "l1", from: 0, upTo: 1, try: 1, goodForMs: MINUTE, renewFirst: false, watch: false }],
      avoided: false,
    });
    expect(slice.open).toEqual([{ from: 1, upTo: 5, tries: 0, crashes: 0 }]);
    expect(slice.wakeAt).toBe(T0 + MINUTE);
  });

  it("grants several leases at once, each on tasks of its own", () => {
    const { answer } = told(aSlice(5), claim("", { leases: ["l1", "l2", "l3"] }), T0);
    expect(answer.leases.map(({ lease, from, upTo }) => [lease, from, upTo])).toEqual([
      ["l1", 0, 1],
      ["l2", 1, 2],
      ["l3", 2, 3],
    ]);
  });

  it("answers what is there already when the store tried its commit twice", () => {
    const first = told(aSlice(5), claim("", { leases: ["l1", "l2"] }), T0);
    const again = told(first.slice, claim("", { leases: ["l1", "l2"] }), T0);
    expect(again.slice).toBe(first.slice);
    expect(again.answer).toEqual(first.answer);
  });

  it("grants no more leases than the cap", () => {
    const { slice, answer } = told(aSlice(5, { cap: 1 }), claim("", { leases: ["l1", "l2"] }), T0);
    expect(answer.leases).toHaveLength(1);
    expect(told(slice, claim("l3"), T0).answer).toEqual({ leases: [], avoided: false });
  });

  it("takes a longer first span when asked, at most half an hour, and never a shorter one than 60 s", () => {
    const spanOf = (holdMs: number) => told(aSlice(1), claim("l1", { holdMs }), T0).answer.leases[0]?.goodForMs;
    expect([spanOf(SECOND), spanOf(10 * MINUTE), spanOf(99 * MINUTE)]).toEqual([MINUTE, 10 * MINUTE, 30 * MINUTE]);
  });

  it("does not offer a delayed task before its time", () => {
    const slice = aSlice(1, { delayMs: MINUTE });
    expect(told(slice, claim("l1"), T0 + MINUTE - 1).answer.leases).toEqual([]);
    expect(told(slice, claim("l1"), T0 + MINUTE).answer.leases).toHaveLength(1);
  });

  it("does not offer a fresh task past --expires, though no sweep has seen it yet", () => {
    const slice = aSlice(1, { expiresMs: MINUTE });
    expect(told(slice, claim("l1"), T0 + MINUTE).answer.leases).toEqual([]);
  });

  it("tells a worker that it is only avoided, so that it looks further", () => {
    const failed = does(does(aSlice(1, { maxTries: 2 }), claim("l1"), T0), finish("l1", 0, ["failure"]), T0);
    expect(told(failed, claim("l2"), T0 + 2 * SECOND).answer).toEqual({ leases: [], avoided: true });
    expect(told(failed, claim("l2", { worker: "w2" }), T0 + 2 * SECOND).answer.leases).toHaveLength(1);
    expect(told(failed, claim("l2", { alone: true }), T0 + 2 * SECOND).answer.leases).toHaveLength(1);
    expect(told(failed, claim("l2", { named: true }), T0 + 2 * SECOND).answer.leases).toHaveLength(1);
    expect(told(failed, claim("l2"), T0 + MINUTE).answer.leases[0]?.try).toBe(2);
  });

  it("gives tasks that may have killed a worker one at a time, to be renewed before the spawn", () => {
    const held = does(aSlice(6, {}, { taskMs: 10 * SECOND }), claim("l1"), T0);
    const lost = does(does(held, renew("l1"), T0), expire, T0 + 2 * MINUTE);
    const { answer } = told(lost, claim("l2", { worker: "w2" }), T0 + 2 * MINUTE);
    expect(answer.leases[0]).toMatchObject({ from: 0, upTo: 1, renewFirst: true });
  });

  it("asks for a renewal first also when the lost claim was never renewed, and says so again to a duplicate", () => {
    const lost = does(does(aSlice(2), claim("l1"), T0), expire, T0 + MINUTE);
    const first = told(lost, claim("l2"), T0 + MINUTE);
    expect(first.answer.leases[0]?.renewFirst).toBe(true);
    expect(told(first.slice, claim("l2"), T0 + MINUTE).answer).toEqual(first.answer);
  });

  it("leaves the rest of a split range as it was, its last lease included", () => {
    const lost = does(does(aSlice(6, {}, { taskMs: 10 * SECOND }), claim("l1"), T0), expire, T0 + MINUTE);
    const was = { lease: "l1", worker: "w1", crashed: false };
    expect(lost.open[0]).toEqual({ from: 0, upTo: 3, tries: 0, crashes: 0, was });
    const split = does(lost, claim("l2", { worker: "w2", sharers: 6 }), T0 + MINUTE);
    expect(split.leases["l2"]).toMatchObject({ from: 0, upTo: 1 });
    expect(split.open).toEqual([
      { from: 1, upTo: 3, tries: 0, crashes: 0, was },
      { from: 3, upTo: 6, tries: 0, crashes: 0 },
    ]);
  });
});

describe("the size of a lease", () => {
  it("is one task while nobody knows how long one takes", () => {
    expect(leaseTasks(1000, { sharers: 1 })).toBe(1);
  });
  it("is about 30 s of work", () => {
    expect(leaseTasks(1000, { taskMs: 1000, sharers: 1 })).toBe(31);
    expect(leaseTasks(1000, { taskMs: 29_000, sharers: 1 })).toBe(1);
    expect(leaseTasks(1000, { taskMs: 3_600_000, sharers: 1 })).toBe(1);
  });
  it("is a little more or less where a short rest would be left over", () => {
    const long = { taskMs: 1000, sharers: 1, elsewhere: 1000 };
    expect([64, 50, 40, 30].map((open) => leaseTasks(open, long))).toEqual([32, 25, 40, 30]);
  });
  it("is an equal share of the whole job, not of the slice alone", () => {
    expect(leaseTasks(64, { taskMs: 1000, sharers: 8 })).toBe(4);
    expect(leaseTasks(64, { taskMs: 1000, sharers: 8, elsewhere: 5000 })).toBe(32);
    expect(leaseTasks(64, { taskMs: 1000, sharers: 8, elsewhere: 100 })).toBe(11);
  });
  it("leaves the last tasks for the other slots that ask", () => {
    expect(leaseTasks(100, { taskMs: 100, sharers: 4 })).toBe(13);
    expect(leaseTasks(10, { taskMs: 2000, sharers: 4 })).toBe(2);
  });
  it("does not split work that is over in a blink", () => {
    expect(leaseTasks(64, { taskMs: 2, sharers: 4 })).toBe(64);
  });
  it("is at most 1,000 tasks and at most what is there", () => {
    expect(leaseTasks(1_000_000, { taskMs: 0, sharers: 1 })).toBe(1000);
    expect(leaseTasks(3, { taskMs: 0, sharers: 1 })).toBe(3);
  });
});
