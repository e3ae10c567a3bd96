import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSqliteStore } from "../../../functions/store/sqlite.ts";

const loader = new URL("../../../scripts/ts.mjs", import.meta.url).href;
const program = fileURLToPath(new URL("./commit-for-ever.ts", import.meta.url));

type Child = ChildProcessByStdio<null, Readable, null>;

let dir: string;
let file: string;
let child: Child | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rendt-sqlite-"));
  file = join(dir, "rendt.db");
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(dir, { recursive: true });
});

const startCommitting = (first: number): Child =>
  spawn(process.execPath, ["--import", loader, program, file, `${first}`], { stdio: ["ignore", "pipe", "inherit"] });

/** Lets another process commit from pair `first` on, kills it once `acknowledged` pairs are answered, and tells all that were. */
async function commitUntilKilled(first: number, acknowledged: number): Promise<number[]> {
  child = startCommitting(first);
  const ended = once(child, "exit");
  const answered: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "open") answered.push(Number(line));
    if (answered.length === acknowledged) child.kill("SIGKILL");
  }
  expect(await ended).toEqual([null, "SIGKILL"]);
  return answered;
}

describe("a server that is killed in the middle of commits", () => {
  it("loses nothing that it answered, and leaves no half of a commit", async () => {
    let first = 0;
    for (const acknowledged of [1, 117, 1000]) {
      const answered = await commitUntilKilled(first, acknowledged);
      expect(answered.length).toBeGreaterThanOrEqual(acknowledged);
      const store = createSqliteStore({ file });
      const last = Math.max(...answered);
      // At most 16 commits were under way beyond the last answer.
      const numbers = Array.from({ length: last + 17 }, (_, n) => n);
      const a = await store.get(
        "job",
        numbers.map((n) => `ja${n}`),
      );
      const b = await store.get(
        "job",
        numbers.map((n) => `jb${n}`),
      );
      await store.close();
      const stored = numbers.filter((n) => a[n]);
      expect(numbers.filter((n) => b[n])).toEqual(stored);
      const kept = new Set(stored);
      expect(answered.filter((n) => !kept.has(n))).toEqual([]);
      first = last + 17;
    }
  });

  it("keeps a second one out while it lives, and not a moment longer", async () => {
    child = startCommitting(0);
    const ended = once(child, "exit");
    await once(child.stdout, "data");
    child.stdout.resume();
    expect(() => createSqliteStore({ file })).toThrow(
      expect.objectContaining({
        code: "folder_refused",
        message: expect.stringContaining("another rendt server uses this folder"),
      }),
    );
    child.kill("SIGKILL");
    await ended;
    await createSqliteStore({ file }).close();
  });
});
