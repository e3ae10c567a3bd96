import { statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../../functions/store/port.ts";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { aJob, newJob } from "./records.ts";

let dir: string;
let file: string;
let store: Store;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
  file = join(dir, "rendt.db");
  store = createSqliteStore({ file });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

const logBytes = () => statSync(`${file}-wal`).size;
const commit = (id: string) => store.commit([newJob(aJob(id))]);
const stream = (run: string) => ({ job: "j1", run });
const ids = (prefix: string) => Array.from({ length: 32 }, (_, n) => `${prefix}${n}`);

describe("the embedded store's writes", () => {
  it("that come together share one transaction and its sync", async () => {
    const start = logBytes();
    for (const id of ids("ja")) await commit(id);
    const apart = logBytes() - start;
    await Promise.all(ids("jb").map(commit));
    const together = logBytes() - start - apart;
    expect(together).toBeLessThan(apart / 4);
    expect(await store.get("job", [...ids("ja"), ...ids("jb")])).not.toContain(undefined);
  });

  it("that come together stand and fall each by itself", async () => {
    const answers = await Promise.all([
      commit("j1"),
      commit("j1"),
      store.commit([newJob(aJob("j2")), newJob(aJob("j1"))]),
      store.commit([newJob(aJob("j3"))]),
    ]);
    expect(answers).toEqual(["ok", "conflict", "conflict", "ok"]);
    expect((await store.get("job", ["j1", "j2", "j3"])).map((job) => job?.id)).toEqual(["j1", undefined, "j3"]);
  });

  it("of which SQLite refuses one do not take the others with it", async () => {
    // The strict table refuses an offset in time that is no whole number.
    const chunk = { offset: 0, data: new Uint8Array(1) };
    const [a, refused, b] = await Promise.allSettled([
      commit("j1"),
      store.appendChunk(stream("s"), chunk, { now: 0.5, keepMs: 1 }),
      commit("j2"),
    ]);
    expect([a, b]).toEqual([
      { status: "fulfilled", value: "ok" },
      { status: "fulfilled", value: "ok" },
    ]);
    expect(refused).toMatchObject({ status: "rejected", reason: { code: "internal" } });
    expect(await store.readChunks(stream("s"), 0, 10)).toEqual([]);
  });

  it("that were handed in before it closes are done, later ones refused", async () => {
    const answers = ids("j").map(commit);
    await store.close();
    expect(await Promise.all(answers)).toEqual(answers.map(() => "ok"));
    await expect(commit("late")).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.get("job", ["j0"])).rejects.toMatchObject({ code: "unavailable" });
    store = createSqliteStore({ file });
    expect(await store.get("job", ids("j"))).not.toContain(undefined);
  });

  it("drop log chunks whose time is over", async () => {
    const chunk = (offset: number) => ({ offset, data: Uint8Array.of(offset) });
    await store.appendChunk(stream("old"), chunk(0), { now: 1000, keepMs: 500 });
    await store.appendChunk(stream("new"), chunk(0), { now: 1499, keepMs: 500 });
    expect(await store.readChunks(stream("old"), 0, 10)).toHaveLength(1);
    await store.appendChunk(stream("new"), chunk(1), { now: 1500, keepMs: 500 });
    expect(await store.readChunks(stream("old"), 0, 10)).toEqual([]);
    expect(await store.readChunks(stream("new"), 0, 10)).toHaveLength(2);
  });
});
