import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";
import { aJob, newJob } from "./records.ts";

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
  file = join(dir, "rendt.db");
});
afterEach(() => rm(dir, { recursive: true }));

const refusal = (message: string) =>
  expect.objectContaining({ code: "folder_refused", message: expect.stringContaining(message) });

async function filled(): Promise<void> {
  const store = createSqliteStore({ file });
  for (let n = 0; n < 300; n++) await store.commit([newJob(aJob(`j${n}`))]);
  await store.close();
}

/** Refused with these words, and not a byte of the file is changed. */
function expectRefused(message: string): void {
  const before = readFileSync(file);
  expect(() => createSqliteStore({ file })).toThrow(refusal(message));
  expect(readFileSync(file).equals(before)).toBe(true);
}

describe("opening the embedded store", () => {
  it("finds what was stored before, in one file", async () => {
    await filled();
    expect(readFileSync(`${file}-wal`)).toHaveLength(0);
    const store = createSqliteStore({ file });
    expect((await store.list("job", "ann", { limit: 1000 })).items).toHaveLength(300);
    await store.close();
  });

  it("is refused while another store has the file, in this process too", async () => {
    const store = createSqliteStore({ file });
    expect(() => createSqliteStore({ file })).toThrow(refusal("another rendt server uses this folder"));
    await store.close();
    await createSqliteStore({ file }).close();
  });

  it("is refused for a newer schema, which is left alone", async () => {
    await filled();
    const db = new Database(file);
    db.exec("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    expectRefused("was written by a newer rendt (schema 99");
  });

  it("is refused for a database of another program", () => {
    const db = new Database(file);
    db.exec("CREATE TABLE notes (text)");
    db.close();
    expectRefused("is a database of another program");
  });

  it("is refused for a file that is no database", () => {
    writeFileSync(file, "These are my notes.\n".repeat(1000));
    expectRefused("put a backup in its place");
  });

  it("is refused for a damaged file, wherever the damage is", async () => {
    await filled();
    const whole = readFileSync(file);
    const pages = whole.length / 4096;
    for (const page of [1, Math.floor(pages / 2), pages - 1]) {
      const damaged = Buffer.from(whole);
      damaged.fill(0x5a, page * 4096, page * 4096 + 2048);
      writeFileSync(file, damaged);
      expectRefused("is damaged");
    }
    writeFileSync(file, whole.subarray(0, Math.floor(pages / 2) * 4096 + 100));
    expectRefused("is damaged");
    writeFileSync(file, whole);
    await createSqliteStore({ file }).close();
  });

  it("is refused in a folder that is not there", () => {
    file = join(dir, "gone", "rendt.db");
    expect(() => createSqliteStore({ file })).toThrow(refusal("check its folder"));
    expect(existsSync(join(dir, "gone"))).toBe(false);
  });
});
