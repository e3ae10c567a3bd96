import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { slicePlaces } from "../../../functions/domain/index-places.ts";
import type { Slice, SweepState } from "../../../functions/domain/records.ts";
import { beginSweep } from "../../../functions/domain/time.ts";
import { aSlice, claim, does, expire, finish, HOUR, MINUTE, renew, SECOND, T0, told } from "./fixture.ts";

/** A server that sweeps each second while it is up. */
function sweepUntil(
  slice: Slice,
  state: SweepState | undefined,
  from: number,
  to: number,
): { slice: Slice; state: SweepState } {
  let [next, last] = [slice, state];
  for (let now = from; now <= to; now += SECOND) {
    const plan = beginSweep(last, now, SECOND);
    last = plan.state;
    const due = slicePlaces(next).wakeAt;
    if (due === undefined || due > plan.now) continue;
    next = does(next, { kind: "expire", ...(plan.holdUntil && { holdUntil: plan.holdUntil }) }, plan.now);
  }
  if (!last) throw new Error("no sweep");
  return { slice: next, state: last };
}

describe("an outage of the server", () => {
  it("of any length costs a worker nothing that renews within 10 s of its end, whoever else asks for work", () => {
    const outage = fc.oneof(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 0, max: 36_000 }));
    fc.assert(
      fc.property(
        outage,
        fc.integer({ min: 0, max: 19 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 10 }),
        (away, age, renewed, late) => {
          const before = sweepUntil(aSlice(1), undefined, T0 - 200 * SECOND, T0);
          let held = does(before.slice, claim("l1"), T0);
          if (renewed) held = does(held, renew("l1"), T0);
          const down = sweepUntil(held, before.state, T0, T0 + age * SECOND);
          const back = T0 + (age + away + 1) * SECOND;
          const up = sweepUntil(down.slice, down.state, back, back + late * SECOND);
          const now = back + late * SECOND;
          const tempted = told(up.slice, claim("l2", { worker: "w2" }), now);
          expect(tempted.answer.leases).toEqual([]);
          expect(told(up.slice, renew("l1"), now).answer).toMatchObject({ state: "held" });
          expect(does(up.slice, finish("l1", 0, ["success"]), now).status).toBe("finished");
        },
      ),
    );
  });
});

describe("a task that kills its worker in the first second", () => {
  // The first loss tells nothing, because that lease was never renewed; one of two tasks never tells which of them it was.
  it.each([
    [1, 3],
    [3, 4],
    [10, 11],
  ])("fails at the crash limit of %i, after %i workers, and no neighbour with it", (crashLimit, workers) => {
    let slice = aSlice(3, { crashLimit }, { taskMs: SECOND });
    let now = T0;
    let killed = 0;
    for (let turn = 0; slice.status === "open" && turn < 100; turn += 1) {
      const worker = `w${turn}`;
      const { slice: held, answer } = told(slice, claim(`l${turn}`, { worker }), now);
      slice = held;
      const [lease] = answer.leases;
      if (lease?.renewFirst) slice = does(slice, renew(lease.lease, { worker }), now);
      if (lease?.from === 0) killed += 1;
      else if (lease) {
        const verdicts = Array.from({ length: lease.upTo - lease.from }, () => "success" as const);
        slice = does(slice, finish(lease.lease, lease.from, verdicts, { worker }), now);
      }
      now += 3 * MINUTE;
      slice = does(slice, expire, now);
    }
    expect(slice).toMatchObject({ status: "failed", succeeded: 2, failed: 1 });
    expect(killed).toBe(workers);
  });
});

describe("a laptop that sleeps 55 minutes of each hour", () => {
  it("finishes a task of many hours", () => {
    let { slice, state } = sweepUntil(aSlice(1), undefined, T0 - HOUR, T0);
    slice = does(slice, claim("l1"), T0);
    for (let hour = 0; hour < 10; hour += 1) {
      const wake = T0 + hour * HOUR;
      for (let second = 1; second <= 300; second += 20) {
        const answered = told(slice, renew("l1"), wake + second * SECOND);
        expect(answered.answer).toMatchObject({ state: "held" });
        ({ slice, state } = sweepUntil(answered.slice, state, wake + second * SECOND, wake + (second + 19) * SECOND));
      }
      ({ slice, state } = sweepUntil(slice, state, wake + 301 * SECOND, wake + HOUR));
      expect(slice.open[0]).toMatchObject({ crashes: 1, was: { lease: "l1" } });
    }
    const late = told(slice, finish("l1", 0, ["success"]), T0 + 10 * HOUR);
    expect(late.slice.status).toBe("finished");
  });
});
