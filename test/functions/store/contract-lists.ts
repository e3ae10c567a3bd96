import { expect } from "vitest";
import { RendtError } from "../../../contract/errors.ts";
import type { Page, Store } from "../../../functions/store/port.ts";
import type { Cases } from "./cases.ts";
import { aJob, aToken, aWorker, newJob, nextJob } from "./records.ts";

/** Follows the cursors to the end; `between` runs after each page. */
export async function walkPages<T>(
  read: (page: { limit: number; cursor?: string }) => Promise<Page<T>>,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<T[]> {
  const found: T[] = [];
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await read({ limit, ...(cursor !== undefined && { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items);
    cursor = page.next;
    await between();
  }
  return found;
}

async function addJobs(store: Store, jobs: [id: string, createdAt: number, owner?: string][]): Promise<void> {
  for (const [id, createdAt, owner = "ann"] of jobs)
    await store.commit([newJob(aJob(id, { owner, times: { createdAt } }))]);
}

const ids = (jobs: { id: string }[]) => jobs.map((job) => job.id);

export const listCases: Cases = {
  "an account's records are listed newest first, those of one time by id": async (store) => {
    await addJobs(store, [
      ["j2", 20],
      ["j4", 9],
      ["j1", 20],
      ["j3", 1_700_000_000_000],
      ["j9", 30, "bob"],
    ]);
    expect(await store.list("job", "ann", { limit: 10 })).toEqual({
      items: ["j3", "j2", "j1", "j4"].map((id) => expect.objectContaining({ id, owner: "ann" })),
    });
    expect(await store.list("job", "nobody", { limit: 10 })).toEqual({ items: [] });
    expect(await store.list("worker", "ann", { limit: 10 })).toEqual({ items: [] });
  },

  "pages follow each other without gap or repetition": async (store) => {
    await addJobs(
      store,
      Array.from({ length: 23 }, (_, n) => [`j${n + 10}`, 100 + Math.floor(n / 4)]),
    );
    const whole = ids((await store.list("job", "ann", { limit: 100 })).items);
    expect(whole).toHaveLength(23);
    for (const limit of [1, 5, 22, 23, 24]) {
      expect(ids(await walkPages((page) => store.list("job", "ann", page), limit))).toEqual(whole);
    }
  },

  "a page that ends the list has no next": async (store) => {
    await addJobs(store, [
      ["j1", 1],
      ["j2", 2],
    ]);
    expect((await store.list("job", "ann", { limit: 1 })).next).toBeTypeOf("string");
    expect((await store.list("job", "ann", { limit: 2 })).next).toBeUndefined();
  },

  "records that come while one pages disturb nothing": async (store) => {
    await addJobs(store, [
      ["j1", 1],
      ["j2", 2],
      ["j3", 3],
      ["j4", 4],
    ]);
    let n = 5;
    const found = await walkPages(
      (page) => store.list("job", "ann", page),
      2,
      () => addJobs(store, [[`j${n}`, n++]]),
    );
    expect(ids(found)).toEqual(["j4", "j3", "j2", "j1"]);
  },

  "a list shows records as they are now, and none that was removed": async (store) => {
    await addJobs(store, [
      ["j1", 1],
      ["j2", 2],
    ]);
    await store.commit([nextJob(aJob("j1"), { name: "renamed" })]);
    await store.commit([{ kind: "job", remove: "j2", expect: 1 }]);
    const { items } = await store.list("job", "ann", { limit: 10 });
    expect(items.map(({ id, name }) => [id, name])).toEqual([["j1", "renamed"]]);
  },

  "without an account the records of all are listed, newest first": async (store) => {
    await addJobs(store, [
      ["j1", 1, "ann"],
      ["j2", 2, "bob"],
      ["j3", 3, "ann"],
      ["j4", 4, "cid"],
      ["j5", 5, "bob"],
    ]);
    for (const limit of [1, 2, 5, 9]) {
      const found = await walkPages((page) => store.list("job", undefined, page), limit);
      expect(ids(found)).toEqual(["j5", "j4", "j3", "j2", "j1"]);
    }
    expect(await store.list("token", undefined, { limit: 5 })).toEqual({ items: [] });
  },

  "workers and tokens are listed like jobs": async (store) => {
    for (const n of [1, 2, 3]) {
      await store.commit([{ kind: "worker", put: aWorker(`w${n}`, { registeredAt: n }), expect: "absent" }]);
      await store.commit([{ kind: "token", put: aToken(`t${n}`, { createdAt: n }), expect: "absent" }]);
    }
    expect(ids(await walkPages((page) => store.list("worker", "ann", page), 2))).toEqual(["w3", "w2", "w1"]);
    expect(ids(await walkPages((page) => store.list("token", undefined, page), 2))).toEqual(["t3", "t2", "t1"]);
  },

  "a forged cursor is refused": async (store) => {
    const refused = expect.objectContaining({ name: RendtError.name, code: "bad_request" });
    for (const cursor of ["", "x", "💥", Buffer.from("0000000000000001#\u0000").toString("base64url")]) {
      await expect(store.list("job", "ann", { limit: 2, cursor })).rejects.toEqual(refused);
      await expect(store.findClaimable({ queue: "q", classes: ["c"] }, { limit: 2, cursor })).rejects.toEqual(refused);
      await expect(store.findDue(1, { limit: 2, cursor })).rejects.toEqual(refused);
    }
  },
};
