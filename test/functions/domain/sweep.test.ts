import { describe, expect, it } from "vitest";
import { slicePlaces } from "../../../functions/domain/index-places.ts";
import {
  aSlice,
  cancel,
  claim,
  does,
  expire,
  finish,
  HOUR,
  MINUTE,
  renew,
  retry,
  SECOND,
  T0,
  told,
} from "./fixture.ts";

const known = { taskMs: 10 * SECOND };

describe("the sweep", () => {
  it("gives a lapsed lease's tasks back and remembers who lost them", () => {
    const held = does(aSlice(1), claim("l1"), T0);
    const before = told(held, expire, T0 + MINUTE - 1);
    expect(before.slice).toBe(held);
    const after = does(held, expire, T0 + MINUTE);
    const was = { lease: "l1", worker: "w1", crashed: false };
    expect(after.open).toEqual([{ from: 0, upTo: 1, tries: 0, crashes: 0, was }]);
    expect(after.wakeAt).toBeUndefined();
  });

  it("counts a crash only for a lease that was renewed: else its child may never have run", () => {
    const held = does(does(aSlice(1), claim("l1"), T0), renew("l1"), T0);
    expect(does(held, expire, T0 + 2 * MINUTE).open[0]).toMatchObject({ crashes: 1, was: { crashed: true } });
  });

  it("ends a task at the crash limit only when it was alone in its lease", () => {
    const wide = does(does(aSlice(6, { crashLimit: 1 }, known), claim("l1"), T0), renew("l1"), T0);
    const lost = does(wide, expire, T0 + 2 * MINUTE);
    expect(lost).toMatchObject({ failed: 0, open: [{ from: 0, upTo: 3, crashes: 1 }, { from: 3 }] });
    const one = does(does(lost, claim("l2", { worker: "w2" }), T0 + 2 * MINUTE), renew("l2", { worker: "w2" }), T0);
    const poisoned = does(one, expire, T0 + 9 * MINUTE);
    expect(poisoned).toMatchObject({ failed: 1, done: [{ lease: "l2", from: 0, upTo: 1, end: "poison" }] });
    expect(poisoned.done[0]).not.toHaveProperty("doc");
  });

  it("moves wakeAt to the renewed end, so that it looks once per span", () => {
    const held = does(does(aSlice(1), claim("l1"), T0), renew("l1"), T0 + 50 * SECOND);
    expect(held.wakeAt).toBe(T0 + MINUTE);
    expect(does(held, expire, T0 + MINUTE).wakeAt).toBe(T0 + 170 * SECOND);
  });

  it("spares leases after an outage, while other timers go on", () => {
    const slice = aSlice(2, { delayMs: MINUTE });
    const held = { ...does(aSlice(2), claim("l1"), T0), open: slice.open.map((range) => ({ ...range, from: 1 })) };
    const after = does(held, { kind: "expire", holdUntil: T0 + HOUR + 2 * MINUTE }, T0 + HOUR);
    expect(after.leases["l1"]?.expiresAt).toBe(T0 + HOUR + 2 * MINUTE);
    expect(after.open[0]).not.toHaveProperty("notBefore");
    expect(after.wakeAt).toBe(T0 + HOUR + 2 * MINUTE);
  });

  it("brings leases, back-offs and avoidances of a clock that ran ahead within reach", () => {
    const failed = does(does(aSlice(2, { maxTries: 2 }), claim("l1"), T0), finish("l1", 0, ["failure"]), T0);
    const ahead = does(does(failed, claim("l2", { worker: "w2" }), T0), renew("l2", { worker: "w2" }), T0);
    const now = T0 - 10 * HOUR;
    const after = does(ahead, expire, now);
    expect(after.leases["l2"]?.expiresAt).toBe(now + 2 * MINUTE);
    expect(after.open[0]).toMatchObject({ notBefore: now + SECOND, avoid: { until: now + MINUTE } });
    expect(after.wakeAt).toBe(now + SECOND);
  });

  it("puts a delayed task into the queue when its time has come", () => {
    const slice = aSlice(1, { delayMs: MINUTE });
    expect(slicePlaces(slice)).toEqual({ wakeAt: T0 + MINUTE });
    expect(slicePlaces(does(slice, expire, T0 + MINUTE))).toEqual({
      byQueue: { queue: "a1", class: "any", order: 5 },
    });
  });

  it("ends a slice that nobody began in time", () => {
    const slice = aSlice(2, { expiresMs: MINUTE });
    expect(slice.wakeAt).toBe(T0 + MINUTE);
    expect(does(slice, expire, T0 + MINUTE)).toMatchObject({ status: "expired", open: [], failed: 0 });
  });

  it("lets what has begun go on past --expires, and then gives up the rest", () => {
    const held = does(aSlice(2, { expiresMs: MINUTE }), claim("l1"), T0);
    const renewed = does(held, renew("l1"), T0 + 30 * SECOND);
    const past = does(renewed, expire, T0 + MINUTE);
    expect(past).toMatchObject({ status: "open", pastExpiry: true });
    expect(slicePlaces(past).byQueue).toBeUndefined();
    const ended = does(past, finish("l1", 0, ["success"]), T0 + 70 * SECOND);
    expect(ended).toMatchObject({ status: "expired", succeeded: 1 });
  });

  it("still offers what was tried past --expires", () => {
    const terms = { expiresMs: MINUTE, maxTries: 2 };
    const failed = does(does(aSlice(1, terms), claim("l1"), T0), finish("l1", 0, ["failure"]), T0);
    const past = does(failed, expire, T0 + MINUTE);
    expect(past.status).toBe("open");
    expect(told(past, claim("l2"), T0 + MINUTE).answer.leases).toHaveLength(1);
  });
});

describe("the owner", () => {
  it("cancels leases and open tasks, and keeps what was committed before", () => {
    const held = does(does(aSlice(6, {}, known), claim("l1"), T0), finish("l1", 0, ["success"]), T0);
    const after = does(held, cancel(), T0);
    expect(after).toMatchObject({ status: "cancelled", succeeded: 1, leases: {}, open: [] });
    expect(slicePlaces(after)).toEqual({});
  });

  it("cancels nothing with a wish of another round", () => {
    const again = does(does(aSlice(1), cancel(), T0), retry(), T0);
    expect(told(again, cancel(0), T0).slice).toBe(again);
  });

  it("retries exactly the tasks without success, with a clean history", () => {
    let slice = does(aSlice(6, { maxTries: 1, expiresMs: HOUR }, known), claim("l1"), T0);
    slice = does(slice, finish("l1", 0, ["success", "failure", "success"]), T0);
    slice = does(slice, cancel(), T0);
    const after = does(slice, retry(), T0);
    expect(after).toMatchObject({ status: "open", round: 1, succeeded: 2, failed: 0 });
    expect(after.open).toEqual([
      { from: 1, upTo: 2, tries: 0, crashes: 0 },
      { from: 3, upTo: 6, tries: 0, crashes: 0 },
    ]);
    expect(after.expiresAt).toBeUndefined();
    expect(after.times.endedAt).toBeUndefined();
    expect(after.done).toEqual(slice.done);
  });

  it("retries once, however often the same wish arrives", () => {
    const ended = does(aSlice(1), cancel(), T0);
    const again = does(ended, retry(0), T0);
    expect(told(again, retry(0), T0).slice).toBe(again);
    expect(told(does(again, cancel(1), T0), retry(0), T0).slice.round).toBe(1);
  });
});
