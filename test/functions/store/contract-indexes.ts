import { expect } from "vitest";
import type { Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";
import { walkPages } from "./contract-lists.ts";
import { aJob, aLiveJob, aSlice, aTombstone, newJob, newSlice, nextJob, nextSlice } from "./records.ts";

const place = { queue: "q", classes: ["c"] };
const lease = {
  from: 0,
  upTo: 1,
  tries: 0,
  crashes: 0,
  worker: "w1",
  expiresAt: 99,
  renewed: false,
  phase: "executing",
} as const;

const claimable = async (store: Store, where = place) =>
  (await store.findClaimable(where, { limit: 100 })).items.map(({ job }) => job);

const due = async (store: Store, now: number) => (await store.findDue(now, { limit: 100 })).items.map(({ id }) => id);

export const indexCases: Cases = {
  "claimable slices come soonest first, whatever the size and sign of their order": async (store) => {
    const orders = [1_700_000_000_000, 5, -1, 0, -86_400_000, 40, 1_700_000_000_001];
    for (const order of orders) await store.commit([newSlice(aSlice(`j${order + 9e7}`, { order }))]);
    const sorted = orders.toSorted((a, b) => a - b).map((order) => `j${order + 9e7}`);
    expect(await claimable(store)).toEqual(sorted);
    for (const limit of [1, 3, 7, 8]) {
      const found = await walkPages((page) => store.findClaimable(place, page), limit);
      expect(found.map(({ job }) => job)).toEqual(sorted);
    }
  },

  "slices of one order come by id": async (store) => {
    for (const id of ["jb", "ja", "jc"]) await store.commit([newSlice(aSlice(id, { order: 3 }))]);
    expect(await claimable(store)).toEqual(["ja", "jb", "jc"]);
  },

  "a slice in its job's record is told from one with a record of its own": async (store) => {
    await store.commit([newJob(aLiveJob("j1", { order: 1 }))]);
    await store.commit([newSlice(aSlice("j2", { order: 2, number: 12 }))]);
    expect(await store.findClaimable(place, { limit: 5 })).toEqual({
      items: [
        { job: "j1", class: "c", order: 1 },
        { job: "j2", number: 12, class: "c", order: 2 },
      ],
    });
  },

  "the next of a class is its soonest slice, and nothing once that is gone": async (store) => {
    const next = () => store.findNext({ queue: "q", class: "c" });
    expect(await next()).toBeUndefined();
    const first = aSlice("j1", { order: 1 });
    await store.commit([newSlice(aSlice("j2", { order: 2, number: 12 }))]);
    await store.commit([newSlice(first)]);
    await store.commit([newSlice(aSlice("j3", { order: 0, class: "c2" }))]);
    expect(await next()).toEqual({ job: "j1", number: 0, class: "c", order: 1 });
    await store.commit([nextSlice(first, { status: "finished", open: [] })]);
    expect(await next()).toEqual({ job: "j2", number: 12, class: "c", order: 2 });
  },

  "queues and classes are apart": async (store) => {
    await store.commit([newSlice(aSlice("j1"))]);
    await store.commit([newSlice(aSlice("j2", { queue: "q2" }))]);
    await store.commit([newSlice(aSlice("j3", { class: "c2" }))]);
    expect(await claimable(store)).toEqual(["j1"]);
    expect(await claimable(store, { queue: "q2", classes: ["c"] })).toEqual(["j2"]);
    expect(await claimable(store, { queue: "q", classes: ["c2"] })).toEqual(["j3"]);
    expect(await claimable(store, { queue: "q2", classes: ["c2"] })).toEqual([]);
  },

  "several classes come as one row, by pages too": async (store) => {
    const jobs = Array.from({ length: 9 }, (_, at) => ({ id: `j${at}`, order: at * 10, class: `c${at % 3}` }));
    for (const { id, ...more } of jobs.toReversed()) await store.commit([newSlice(aSlice(id, more))]);
    const both = { queue: "q", classes: ["c2", "none", "c0"] };
    for (const limit of [1, 2, 4, 6, 7]) {
      const found = await walkPages((page) => store.findClaimable(both, page), limit);
      expect(found.map(({ job, class: name, order }) => ({ id: job, order, class: name }))).toEqual(
        jobs.filter((job) => job.class !== "c1"),
      );
    }
    expect(await store.findClaimable({ queue: "q", classes: [] }, { limit: 5 })).toEqual({ items: [] });
  },

  "only what can be claimed is in the queue": async (store) => {
    const free = aSlice("j1");
    const held = aSlice("j2", { open: [], leases: { l1: lease }, wakeAt: 99 });
    await store.commit([newSlice(free)]);
    await store.commit([newSlice(held)]);
    await store.commit([newSlice(aSlice("j3", { open: [{ from: 0, upTo: 1, tries: 1, crashes: 0, notBefore: 50 }] }))]);
    await store.commit([newSlice(aSlice("j4", { status: "finished", open: [] }))]);
    await store.commit([newJob(aJob("j5"))]);
    expect(await claimable(store)).toEqual(["j1"]);
    await store.commit([nextSlice(free, { open: [], leases: { l1: lease }, wakeAt: 99 })]);
    expect(await claimable(store)).toEqual([]);
    await store.commit([nextSlice(held, { open: free.open, leases: {} })]);
    expect(await claimable(store)).toEqual(["j2"]);
    await store.commit([{ kind: "slice", remove: "j2.0", expect: 2 }]);
    expect(await claimable(store)).toEqual([]);
  },

  "a slice that is moved stands in its new place only": async (store) => {
    const slice = aSlice("j1", { order: 10 });
    await store.commit([newSlice(slice)]);
    await store.commit([newSlice(aSlice("j2", { order: 20 }))]);
    await store.commit([nextSlice(slice, { order: 30 })]);
    expect(await claimable(store)).toEqual(["j2", "j1"]);
    await store.commit([nextSlice({ ...slice, version: 2 }, { class: "c2" })]);
    expect(await claimable(store)).toEqual(["j2"]);
    expect(await claimable(store, { queue: "q", classes: ["c2"] })).toEqual(["j1"]);
  },

  "the classes of a queue that have waiting work are all named": async (store) => {
    expect(await store.listClasses("q")).toEqual([]);
    for (const [n, name] of ["c", "c2", "c", "@w1", "Ünï#1"].entries()) {
      await store.commit([newSlice(aSlice(`j${n}`, { class: name }))]);
    }
    await store.commit([newSlice(aSlice("j8", { queue: "q2", class: "c9" }))]);
    await store.commit([newSlice(aSlice("j9", { class: "c8", status: "finished", open: [] }))]);
    expect((await store.listClasses("q")).toSorted()).toEqual(["@", "c", "c2", "Ünï#1"]);
  },

  "classes of single workers are named as one": async (store) => {
    for (const [n, name] of ["@w1", "@w2", "any", "@w3", "~any"].entries()) {
      await store.commit([newSlice(aSlice(`j${n}`, { class: name }))]);
    }
    expect((await store.listClasses("q")).toSorted()).toEqual(["@", "any", "~any"]);
    expect(await claimable(store, { queue: "q", classes: ["@w2"] })).toEqual(["j1"]);
  },

  "the queues that have waiting work are all named": async (store) => {
    expect(await store.listQueues()).toEqual([]);
    for (const [n, queue] of ["@ann", "public", "@ann"].entries()) {
      await store.commit([newSlice(aSlice(`j${n}`, { queue }))]);
    }
    await store.commit([newSlice(aSlice("j9", { queue: "@bob", status: "finished", open: [] }))]);
    expect((await store.listQueues()).toSorted()).toEqual(["@ann", "public"]);
  },

  "timers come nearest first, up to now and no later": async (store) => {
    const times = [50, 1_700_000_000_000, 7, 100, 101, 8];
    for (const wakeAt of times) await store.commit([newSlice(aSlice(`j${wakeAt}`, { wakeAt }))]);
    expect(await due(store, 6)).toEqual([]);
    expect(await due(store, 100)).toEqual(["j7.0", "j8.0", "j50.0", "j100.0"]);
    for (const limit of [1, 3, 6, 9]) {
      const found = await walkPages((page) => store.findDue(1_700_000_000_000, page), limit);
      expect(found.map(({ wakeAt }) => wakeAt)).toEqual(times.toSorted((a, b) => a - b));
    }
  },

  "headers, slices and tombstones have timers": async (store) => {
    await store.commit([newJob(aJob("j1", { wakeAt: 1 }))]);
    await store.commit([newJob(aLiveJob("j2", { wakeAt: 2 }))]);
    await store.commit([newSlice(aSlice("j3", { number: 4, wakeAt: 3 }))]);
    await store.commit([{ kind: "tombstone", put: aTombstone("j4", 4), expect: "absent" }]);
    expect(await store.findDue(9, { limit: 9 })).toEqual({
      items: [
        { kind: "job", id: "j1", wakeAt: 1 },
        { kind: "job", id: "j2", wakeAt: 2 },
        { kind: "slice", id: "j3.4", wakeAt: 3 },
        { kind: "tombstone", id: "j4", wakeAt: 4 },
      ],
    });
  },

  "a timer moves and ends with its record": async (store) => {
    const job = aJob("j1", { wakeAt: 10 });
    await store.commit([newJob(job)]);
    await store.commit([nextJob(job, { wakeAt: 20 })]);
    expect(await due(store, 15)).toEqual([]);
    expect(await due(store, 20)).toEqual(["j1"]);
    const { wakeAt: _, ...rest } = job;
    await store.commit([nextJob({ ...rest, version: 2 })]);
    expect(await due(store, 99)).toEqual([]);
    await store.commit([{ kind: "tombstone", put: aTombstone("j2", 5), expect: "absent" }]);
    await store.commit([{ kind: "tombstone", remove: "j2", expect: 1 }]);
    expect(await due(store, 99)).toEqual([]);
  },

  "a conflict leaves the indexes as they were": async (store) => {
    const slice = aSlice("j1", { order: 1, wakeAt: 10 });
    await store.commit([newSlice(slice)]);
    expect(await store.commit([nextSlice({ ...slice, version: 4 }, { order: 9, class: "c2", wakeAt: 5 })])).toBe(
      "conflict",
    );
    expect(await claimable(store)).toEqual(["j1"]);
    expect(await claimable(store, { queue: "q", classes: ["c2"] })).toEqual([]);
    expect(await due(store, 9)).toEqual([]);
  },
};
