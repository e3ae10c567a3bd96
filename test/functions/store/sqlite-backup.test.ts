import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSqliteStore, type SqliteStore } from "../../../functions/store/sqlite.ts";
import { aJob, aLiveJob, newJob } from "./records.ts";

let dir: string;
let store: SqliteStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
  store = createSqliteStore({ file: join(dir, "rendt.db") });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

describe("a backup of the embedded store", () => {
  it("holds all that was answered before it, and is a store of its own", async () => {
    await store.commit([newJob(aLiveJob("j1"))]);
    const hash = await store.putDocument("j1", "{}");
    await store.backupTo(join(dir, "backup.db"));
    await store.commit([newJob(aJob("j2"))]);
    const backup = createSqliteStore({ file: join(dir, "backup.db") });
    expect((await backup.get("job", ["j1", "j2"])).map((job) => job?.id)).toEqual(["j1", undefined]);
    expect(await backup.getDocuments([{ job: "j1", hash }])).toEqual(["{}"]);
    expect((await backup.findClaimable({ queue: "q", classes: ["c"] }, { limit: 5 })).items).toMatchObject([{ job: "j1" }]);
    expect(await backup.commit([newJob(aJob("j3"))])).toBe("ok");
    await backup.close();
  });

  it("takes the place of an older one only when it is whole", async () => {
    const target = join(dir, "backup.db");
    writeFileSync(target, "an older backup");
    writeFileSync(`${target}.unfinished`, "what a killed backup left");
    await store.commit([newJob(aJob("j1"))]);
    await store.backupTo(target);
    expect(existsSync(`${target}.unfinished`)).toBe(false);
    const backup = createSqliteStore({ file: target });
    expect((await backup.get("job", ["j1"]))[0]?.id).toBe("j1");
    await backup.close();
  });

  it("into a folder that is not there is refused, and harms nothing", async () => {
    await expect(store.backupTo(join(dir, "gone", "backup.db"))).rejects.toMatchObject({ code: "unavailable" });
    expect(readdirSync(dir)).not.toContain("gone");
    expect(await store.commit([newJob(aJob("j1"))])).toBe("ok");
  });
});
