import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasAllBits, hasBit, withBit, withoutBit } from "../../../functions/domain/bits.ts";
import { folded, namedBy, pageOf, unfold } from "../../../functions/domain/done.ts";
import { layoutOf, sliceAt, spanOf } from "../../../functions/domain/layout.ts";
import { orderOf } from "../../../functions/domain/order.ts";
import { joined, without } from "../../../functions/domain/ranges.ts";
import { remember } from "../../../functions/domain/remember.ts";
import type { DoneEntry, DonePage, OpenRange } from "../../../functions/domain/slice-record.ts";
import { beginSweep, nowOf } from "../../../functions/domain/time.ts";
import { aSlice, HOUR, MINUTE, SECOND, T0 } from "./fixture.ts";

describe("the layout of an array", () => {
  it("keeps small arrays in one record", () => {
    expect([layoutOf(1), layoutOf(16)]).toEqual(Array(2).fill({ slices: 1, cap: 8 }));
  });
  it("cuts larger ones into slices of 16 to 1,000 tasks", () => {
    expect([17, 4096, 10_000, 1_000_000].map((count) => layoutOf(count).slices)).toEqual([2, 256, 157, 1000]);
  });
  it("gives %M exactly M lanes of one lease each, and none where M is no limit", () => {
    expect(layoutOf(10, 8)).toEqual({ slices: 8, cap: 1 });
    expect(layoutOf(10, 1)).toEqual({ slices: 1, cap: 1 });
    expect(layoutOf(10, 10)).toEqual({ slices: 1, cap: 8 });
  });
  it("covers every task once, in even parts, and finds its slice again", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.option(fc.integer({ min: 1, max: 1000 })),
        fc.nat(),
        (count, limit, n) => {
          const { slices } = layoutOf(count, limit ?? undefined);
          const cut = { count, slices };
          const sizes = Array.from({ length: slices }, (_, i) => spanOf(cut, i)).map(({ from, upTo }) => upTo - from);
          expect(slices).toBeLessThanOrEqual(1000);
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          const { from, upTo } = spanOf(cut, sliceAt(cut, n % count));
          expect(from <= n % count && n % count < upTo).toBe(true);
        },
      ),
    );
  });
});

describe("a set of slices", () => {
  it("holds what was put in and not taken out", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(999)), fc.nat(999), (members, gone) => {
        const bits = withoutBit(members.reduce(withBit, "0"), gone);
        for (const n of members) expect(hasBit(bits, n)).toBe(n !== gone);
        expect(hasAllBits(bits, 1000)).toBe(false);
      }),
    );
    const full = Array.from({ length: 1000 }, (_, n) => n).reduce(withBit, "0");
    expect(hasAllBits(full, 1000)).toBe(true);
    expect(full).toHaveLength(250);
  });
});

it("a memory that is full starts afresh, with what came last", () => {
  const memory = new Map<number, string>();
  for (const key of [1, 2, 3]) remember(memory, key, "kept", 3);
  expect(memory.size).toBe(3);
  remember(memory, 4, "new", 3);
  expect([...memory]).toEqual([[4, "new"]]);
});

describe("ranges", () => {
  const range = (from: number, upTo: number, more: Partial<OpenRange> = {}): OpenRange => ({
    from,
    upTo,
    tries: 0,
    crashes: 0,
    ...more,
  });

  it("join only if every field agrees", () => {
    expect(joined([range(3, 5), range(0, 3)])).toEqual([range(0, 5)]);
    const was = { lease: "l", worker: "w", crashed: false };
    const avoid = { worker: "w", until: 1 };
    const others: Partial<OpenRange>[] = [{ tries: 1 }, { crashes: 1 }, { notBefore: 1 }, { avoid }, { was }];
    for (const more of others) expect(joined([range(0, 3), range(3, 5, more)])).toHaveLength(2);
    for (const [a, b] of [
      [{ was }, { was: { ...was, lease: "m" } }],
      [{ was }, { was: { ...was, worker: "v" } }],
      [{ was }, { was: { ...was, crashed: true } }],
      [{ avoid }, { avoid: { ...avoid, worker: "v" } }],
      [{ avoid }, { avoid: { ...avoid, until: 2 } }],
    ])
      expect(joined([range(0, 3, a), range(3, 5, b)])).toHaveLength(2);
  });

  it("keep all fields when a part is taken out of the middle", () => {
    expect(without([range(0, 9, { tries: 2 })], { from: 3, upTo: 5 })).toEqual([
      range(0, 3, { tries: 2 }),
      range(5, 9, { tries: 2 }),
    ]);
  });
});

describe("time", () => {
  it("never falls back more than the clock does, nor leads it by more than 60 s", () => {
    expect(nowOf(T0, T0 - HOUR)).toBe(T0);
    expect(nowOf(T0, T0 + SECOND)).toBe(T0 + SECOND);
    expect(nowOf(T0, T0 + 10 * HOUR)).toBe(T0 + MINUTE);
  });

  const state = { v: 1, id: "sweep", version: 3, lastNow: T0, lastSweepAt: T0 } as const;

  it("is stored by each sweep", () => {
    expect(beginSweep(state, T0 + SECOND, SECOND)).toEqual({
      state: { ...state, version: 4, lastNow: T0 + SECOND, lastSweepAt: T0 + SECOND },
      now: T0 + SECOND,
      walkAll: false,
    });
  });

  it("lets no lease expire for 120 s after a gap, also at the sweeps that follow", () => {
    const back = beginSweep(state, T0 + HOUR, SECOND);
    expect(back.holdUntil).toBe(T0 + HOUR + 2 * MINUTE);
    expect(beginSweep(back.state, T0 + HOUR + SECOND, SECOND).holdUntil).toBe(T0 + HOUR + 2 * MINUTE);
    expect(
      beginSweep(beginSweep(back.state, T0 + HOUR + 15 * SECOND, SECOND).state, T0 + HOUR + 2 * MINUTE, MINUTE)
        .holdUntil,
    ).toBeUndefined();
  });

  it("knows a gap from the pace of the sweep", () => {
    expect(beginSweep(state, T0 + 100 * SECOND, MINUTE).holdUntil).toBeUndefined();
    expect(beginSweep(state, T0 + 121 * SECOND, MINUTE).holdUntil).toBeDefined();
    expect(beginSweep(state, T0 + 21 * SECOND, SECOND).holdUntil).toBeDefined();
    // A claim whose answer was lost must not wait two minutes only because the server is new.
    expect(beginSweep(undefined, T0, SECOND).holdUntil).toBeUndefined();
  });

  it("asks once for a walk through all that is due when the clock went back", () => {
    const back = beginSweep(state, T0 - HOUR, SECOND);
    expect(back.walkAll).toBe(true);
    expect(beginSweep(back.state, T0 - HOUR + SECOND, SECOND).walkAll).toBe(false);
  });
});

describe("older entries", () => {
  const entry = (n: number): DoneEntry => ({
    lease: `l${n}`,
    worker: "w1",
    from: n,
    upTo: n + 1,
    end: "succeeded",
    at: T0,
    round: 0,
  });

  it("move to pages above 32, and are found there in order, however many", () => {
    const read = new Map<string, DonePage>();
    let slice = aSlice(2000);
    for (let n = 0; n < 2000; n += 1) {
      slice = { ...slice, done: [...slice.done, entry(n)] };
      const page = pageOf(slice);
      if (!page) continue;
      read.set(`page${n}`, page);
      slice = folded(slice, page, `page${n}`);
      expect(slice.done.length).toBeLessThanOrEqual(32);
      expect(slice.pages?.length).toBeLessThanOrEqual(32);
    }
    const { entries, missing } = unfold(slice.pages ?? [], read);
    expect(missing).toEqual([]);
    expect([...entries, ...slice.done].map(({ from }) => from)).toEqual(Array.from({ length: 2000 }, (_, n) => n));
    expect(namedBy(slice, entries, { lease: "l3", worker: "w1", position: 3 })).toEqual(entry(3));
    expect(unfold(slice.pages ?? [], new Map()).missing).toEqual(slice.pages);
  });
});

it("priority is a head start in a fair queue", () => {
  expect(orderOf(T0, 0)).toBe(T0);
  expect(orderOf(T0, 60)).toBe(orderOf(T0 - MINUTE, 0));
});
