import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import type { Change, Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";
import { aJob, newJob, nextJob } from "./records.ts";

const add = (count: string, amount: number, most?: number): Change => ({
  account: "ann",
  count,
  add: amount,
  ...(most !== undefined && { most }),
});
const full = (count: string, most: number) =>
  expect.objectContaining({
    name: RendtError.name,
    code: "quota_exceeded",
    details: expect.objectContaining({ account: "ann", count, most }),
  });
const jobOf = async (store: Store) => (await store.get("job", ["j1"]))[0]?.version;

export const counterCases: Cases = {
  "counters begin at 0, go up and down, and belong to one account": async (store) => {
    expect(await store.counts("ann", ["tasks", "bytes"])).toEqual([0, 0]);
    expect(await store.commit([add("tasks", 5), add("bytes", 7)])).toBe("ok");
    expect(await store.commit([add("tasks", -2)])).toBe("ok");
    expect(await store.counts("ann", ["bytes", "never", "tasks"])).toEqual([7, 0, 3]);
    expect(await store.counts("bob", ["tasks"])).toEqual([0]);
    expect(await store.counts("ann", [])).toEqual([]);
  },

  "a counter that would pass its bound keeps the whole commit from being written": async (store) => {
    expect(await store.commit([newJob(aJob("j1")), add("tasks", 3, 3)])).toBe("ok");
    const first = aJob("j1");
    await expect(store.commit([nextJob(first), add("bytes", 1), add("tasks", 1, 3)])).rejects.toEqual(full("tasks", 3));
    expect([await jobOf(store), await store.counts("ann", ["tasks", "bytes"])]).toEqual([1, [3, 0]]);
    await expect(store.commit([add("new", 4, 3)])).rejects.toEqual(full("new", 3));
    expect(await store.commit([add("tasks", -1, 0)]).catch((error: unknown) => error)).toEqual(full("tasks", 0));
  },

  "a record that is not as expected is a conflict, whatever the counters say": async (store) => {
    await store.commit([newJob(aJob("j1"))]);
    expect(await store.commit([newJob(aJob("j1")), add("tasks", 9, 3)])).toBe("conflict");
    expect(await store.commit([newJob(aJob("j1")), add("tasks", 1)])).toBe("conflict");
    expect(await store.counts("ann", ["tasks"])).toEqual([0]);
  },

  "of 20 commits at once exactly as many win as there is room for": async (store) => {
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.commit([newJob(aJob(`j${n}`)), add("tasks", 1, 7)])),
    );
    const won = answers.filter((answer) => answer.status === "fulfilled");
    expect(won).toHaveLength(7);
    expect(await store.counts("ann", ["tasks"])).toEqual([7]);
  },

  "a commit that names a counter twice, or counts no whole number, is refused": async (store) => {
    const refused = expect.objectContaining({ name: RendtError.name, code: "internal" });
    await expect(store.commit([add("tasks", 1), add("tasks", 1)])).rejects.toEqual(refused);
    for (const amount of [0.5, Number.NaN]) await expect(store.commit([add("tasks", amount)])).rejects.toEqual(refused);
    expect(await store.counts("ann", ["tasks"])).toEqual([0]);
  },
};
