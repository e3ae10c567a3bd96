import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import type { Cases } from "./cases.ts";

const FAR = 1e12;

export const accountCases: Cases = {
  "an idle account's work begins now": async (store) => {
    expect(await store.reserve("ann", { costMs: 10, now: 1000, maxLeadMs: FAR })).toBe(1000);
    expect(await store.reserve("ann", { costMs: 10, now: 5000, maxLeadMs: FAR })).toBe(5000);
    expect(await store.reserve("bob", { costMs: 10, now: 1000, maxLeadMs: FAR })).toBe(1000);
  },

  "a busy account's work begins where its last booking ends": async (store) => {
    const begins: number[] = [];
    for (const costMs of [10, 200, 5, 1])
      begins.push(await store.reserve("ann", { costMs, now: 1000, maxLeadMs: FAR }));
    expect(begins).toEqual([1000, 1010, 1210, 1215]);
    expect(await store.reserve("ann", { costMs: 1, now: 1216, maxLeadMs: FAR })).toBe(1216);
  },

  "parallel bookings never overlap": async (store) => {
    const costs = Array.from({ length: 24 }, (_, n) => n + 1);
    const begins = await Promise.all(
      costs.map((costMs) => store.reserve("ann", { costMs, now: 1000, maxLeadMs: FAR })),
    );
    const booked = costs.map((costMs, n) => ({ from: begins[n] ?? 0, to: (begins[n] ?? 0) + costMs }));
    booked.sort((a, b) => a.from - b.from);
    expect(booked[0]?.from).toBe(1000);
    for (const [n, { to }] of booked.slice(0, -1).entries()) expect(booked[n + 1]?.from).toBe(to);
  },

  "virtual time never runs further ahead than the bound": async (store) => {
    const begins: number[] = [];
    for (let n = 0; n < 5; n++) begins.push(await store.reserve("ann", { costMs: 40, now: 1000, maxLeadMs: 100 }));
    expect(begins).toEqual([1000, 1040, 1080, 1100, 1100]);
    expect(await store.reserve("ann", { costMs: 40, now: 1041, maxLeadMs: 100 })).toBe(1140);
    const many = Array.from({ length: 16 }, () => store.reserve("ann", { costMs: 40, now: 1041, maxLeadMs: 100 }));
    expect(await Promise.all(many)).toEqual(many.map(() => 1141));
  },

  "a booking that is not in whole ms is refused and changes nothing": async (store) => {
    const refused = expect.objectContaining({ name: RendtError.name, code: "internal" });
    for (const costMs of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(store.reserve("ann", { costMs, now: 1000, maxLeadMs: FAR })).rejects.toEqual(refused);
    }
    expect(await store.reserve("ann", { costMs: 1, now: 5, maxLeadMs: FAR })).toBe(5);
  },
};
