import { describe, expect, it } from "vitest";
import { aSlice, claim, does, expire, finish, HOUR, MINUTE, renew, SECOND, T0, told } from "./fixture.ts";

const known = { taskMs: 10 * SECOND };

describe("renew", () => {
  it("is good for 120 s and never writes wakeAt", () => {
    const held = does(aSlice(1), claim("l1"), T0);
    const { slice, answer } = told(held, renew("l1"), T0 + 20 * SECOND);
    expect(answer).toEqual({ state: "held", from: 0, upTo: 1, goodForMs: 2 * MINUTE, watch: false });
    expect(slice.wakeAt).toBe(held.wakeAt);
  });

  it("does not shorten a long hold", () => {
    const held = does(aSlice(1), claim("l1", { holdMs: 30 * MINUTE }), T0);
    expect(told(held, renew("l1"), T0 + MINUTE).answer).toMatchObject({ goodForMs: 29 * MINUTE });
  });

  it("tells whether somebody watches, and takes note of the phase", () => {
    const held = does(aSlice(1), claim("l1"), T0);
    const watched = does(held, { kind: "watch", until: T0 + MINUTE }, T0);
    const { slice, answer } = told(watched, renew("l1", { delivering: true }), T0 + 1);
    expect(answer).toMatchObject({ watch: true });
    expect(slice.leases["l1"]?.phase).toBe("delivering");
    expect(told(slice, renew("l1"), T0 + MINUTE).answer).toMatchObject({ watch: false });
  });

  it("still holds a lapsed lease that no sweep has seen", () => {
    const held = does(aSlice(1), claim("l1"), T0);
    expect(told(held, renew("l1"), T0 + 5 * HOUR).answer).toMatchObject({ state: "held" });
  });

  it("takes a lost lease up again while nobody took its tasks, and takes the crash back", () => {
    const held = does(does(aSlice(1), claim("l1"), T0), renew("l1"), T0);
    const lost = does(held, expire, T0 + 2 * MINUTE);
    expect(lost.open[0]?.crashes).toBe(1);
    const { slice, answer } = told(lost, renew("l1"), T0 + HOUR);
    expect(answer).toMatchObject({ state: "held", from: 0, upTo: 1 });
    expect(slice.leases["l1"]?.crashes).toBe(0);
    expect(slice.wakeAt).toBeLessThanOrEqual(T0 + HOUR + 2 * MINUTE);
  });

  it("takes up only what others left of it", () => {
    const lost = does(does(aSlice(6, {}, known), claim("l1"), T0), expire, T0 + MINUTE);
    const taken = does(lost, claim("l2", { worker: "w2", sharers: 6 }), T0 + MINUTE);
    const { slice, answer } = told(taken, renew("l1"), T0 + MINUTE);
    expect(answer).toMatchObject({ state: "held", from: 1, upTo: 3 });
    expect(slice.open).toEqual([{ from: 3, upTo: 6, tries: 0, crashes: 0 }]);
  });

  it("is lost once another lease took the tasks, for ever", () => {
    const lost = does(does(aSlice(1), claim("l1"), T0), expire, T0 + MINUTE);
    const taken = does(lost, claim("l2", { worker: "w2" }), T0 + MINUTE);
    const back = does(taken, finish("l2", 0, [], { worker: "w2", end: "released" }), T0 + MINUTE);
    expect(told(taken, renew("l1"), T0 + MINUTE).answer).toEqual({ state: "lost" });
    expect(told(back, renew("l1"), T0 + MINUTE).answer).toEqual({ state: "lost" });
  });

  it("takes nothing up above the cap", () => {
    const lost = does(does(aSlice(6, { cap: 1 }, known), claim("l1"), T0), expire, T0 + MINUTE);
    const full = does(lost, claim("l2", { worker: "w2", sharers: 6 }), T0 + MINUTE);
    expect(full.open[0]).toMatchObject({ from: 1, upTo: 3, was: { lease: "l1" } });
    expect(told(full, renew("l1"), T0 + MINUTE).answer).toEqual({ state: "lost" });
  });

  it("is lost to a worker that only knows the id, live or late", () => {
    const held = does(aSlice(1), claim("l1"), T0);
    const lost = does(held, expire, T0 + MINUTE);
    for (const slice of [held, lost]) {
      const answered = told(slice, renew("l1", { worker: "w2" }), T0 + MINUTE);
      expect(answered).toEqual({ slice, answer: { state: "lost" } });
    }
  });
});
