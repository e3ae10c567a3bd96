import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../../functions/store/port.ts";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { aJob, newJob } from "./records.ts";

const isRoot = process.getuid?.() === 0 && process.platform === "linux";

describe.skipIf(!isRoot)("a full disk (a small mount of its own, which takes root on Linux)", () => {
  let dir: string;
  let store: Store;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "rendt-test", dir]);
    writeFileSync(join(dir, "ballast"), Buffer.alloc(1024 * 1024));
    store = createSqliteStore({ file: join(dir, "rendt.db") });
  });
  afterEach(async () => {
    await store.close();
    // A closed store's file stays open until its prepared statements are collected.
    execFileSync("umount", ["--lazy", dir]);
    await rm(dir, { recursive: true });
  });

  const commit = (id: string) =>
    store.commit([newJob(aJob(id, { name: "x".repeat(100_000) })), newJob(aJob(`${id}b`))]);
  const full = expect.objectContaining({ code: "storage_full" });

  /** Commits until one is refused; answers the ids of those that were not. */
  async function fill(): Promise<string[]> {
    for (let n = 0; n < 100; n++) {
      try {
        await commit(`j${n}`);
      } catch (error) {
        expect(error).toEqual(full);
        return Array.from({ length: n }, (_, m) => `j${m}`);
      }
    }
    throw new Error("the disk is never full");
  }

  it("is told as storage_full, nothing is half written, and reading goes on", async () => {
    const stored = await fill();
    expect(stored.length).toBeGreaterThan(5);
    const next = `j${stored.length}`;
    expect(await store.get("job", [next, `${next}b`])).toEqual([undefined, undefined]);
    const found = await store.get(
      "job",
      stored.flatMap((id) => [id, `${id}b`]),
    );
    expect(found).not.toContain(undefined);
    expect((await store.list("job", "ann", { limit: 1000 })).items).toHaveLength(2 * stored.length);
  });

  it("is over when there is room again, and a restart finds the same", async () => {
    const stored = await fill();
    rmSync(join(dir, "ballast"));
    const next = `j${stored.length}`;
    expect(await commit(next)).toBe("ok");
    await store.close();
    store = createSqliteStore({ file: join(dir, "rendt.db") });
    expect(await store.get("job", [...stored, next])).not.toContain(undefined);
  });

  it("does not keep a restarted server from reading what is there", async () => {
    const stored = await fill();
    await store.close();
    store = createSqliteStore({ file: join(dir, "rendt.db") });
    expect(await store.get("job", stored)).not.toContain(undefined);
  });
});
