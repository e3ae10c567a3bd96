import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { TaskResult } from "../../contract/result.ts";
import { takeLock } from "../../worker/folder-lock.ts";
import type { StoredLease } from "../../worker/held.ts";
import { openJournal } from "../../worker/journal.ts";
import { createPace } from "../../worker/pace.ts";
import { removeTree } from "../../worker/task-folders.ts";

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendt-parts-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const lease = (id: string): StoredLease => ({
  id,
  job: "j0123456789ab",
  round: 0,
  from: 0,
  upTo: 3,
  try: 1,
  spec: {
    command: ["true"],
    env: {},
    outputs: [],
    outputsOnFailure: true,
    retries: 0,
    crashLimit: 10,
    priority: 0,
    keepMs: 86_400_000,
  },
});
const result: TaskResult = { index: 0, outcome: "exited", exitCode: 0, durationMs: 1 };
const quiet = () => undefined;

describe("the journal", () => {
  it("knows after a restart what was claimed, spawned, ended and delivered", async () => {
    const path = join(temporary(), "journal");
    const { journal } = openJournal(path, quiet);
    journal.write([
      { is: "claimed", lease: lease("a") },
      { is: "claimed", lease: lease("b") },
      { is: "claimed", lease: lease("c") },
    ]);
    journal.write([{ is: "spawned", lease: "a", position: 0, folder: "/f" }]);
    journal.write([{ is: "result", lease: "a", position: 0, at: 5, result }]);
    journal.write([{ is: "spawned", lease: "a", position: 1, folder: "/g" }]);
    journal.write([{ is: "result", lease: "b", position: 0, at: 5, result }]);
    journal.write([{ is: "delivered", lease: "b", upTo: 1, closed: false }]);
    journal.write([{ is: "delivered", lease: "c", upTo: 3, closed: true }]);
    await journal.sync();
    journal.close();
    const { open } = openJournal(path, quiet);
    expect(open).toMatchObject([
      { lease: { id: "a" }, from: 0, spawned: { position: 1, folder: "/g" }, results: [{ position: 0 }] },
      { lease: { id: "b" }, from: 1, results: [] },
    ]);
    expect(open).toHaveLength(2);
  });

  it("drops a last line that a crash cut off, and goes on behind it", () => {
    const path = join(temporary(), "journal");
    const first = openJournal(path, quiet);
    first.journal.write([{ is: "claimed", lease: lease("a") }]);
    first.journal.close();
    appendFileSync(path, '{"is":"result","lea');
    const second = openJournal(path, quiet);
    second.journal.write([{ is: "claimed", lease: lease("b") }]);
    second.journal.close();
    expect(openJournal(path, quiet).open.map(({ lease: { id } }) => id)).toEqual(["a", "b"]);
  });

  it("refuses a file that is damaged in the middle, and says what to do", () => {
    const path = join(temporary(), "journal");
    writeFileSync(path, 'nonsense\n{"is":"delivered","lease":"a","upTo":1,"closed":true}\n');
    expect(() => openJournal(path, quiet)).toThrow("damaged in line 1: move it away");
  });

  it("shrinks to what is open, loses nothing that comes meanwhile, and shares its syncs", async () => {
    const path = join(temporary(), "journal");
    const { journal } = openJournal(path, quiet);
    const reason = "x".repeat(2000);
    journal.write([{ is: "claimed", lease: lease("keep") }]);
    for (let at = 0; at < 4000; at += 1) {
      journal.write([{ is: "claimed", lease: lease(`l${at}`) }]);
      journal.write([{ is: "result", lease: `l${at}`, position: 0, at: 5, result: { ...result, reason } }]);
      journal.write([{ is: "delivered", lease: `l${at}`, upTo: 3, closed: true }]);
      if (at % 500 === 0) await Promise.all([journal.sync(), journal.sync(), journal.sync()]);
    }
    journal.write([{ is: "spawned", lease: "keep", position: 0, folder: "/f" }]);
    await journal.sync();
    journal.close();
    expect(readFileSync(path).length).toBeLessThan(8_000_000);
    expect(openJournal(path, quiet).open).toMatchObject([{ lease: { id: "keep" }, spawned: { position: 0 } }]);
  });
});

describe("a lock", () => {
  it("is held by one at a time", () => {
    const path = join(temporary(), "lock");
    const release = takeLock(path);
    expect(release).toBeDefined();
    expect(takeLock(path)).toBeUndefined();
    release?.();
    expect(takeLock(path)).toBeDefined();
  });

  it("of a process that is gone is free", () => {
    const path = join(temporary(), "lock");
    writeFileSync(`${path}.4`, JSON.stringify({ pid: 2 ** 22 + 1, started: "1" }));
    expect(takeLock(path)).toBeDefined();
    expect(existsSync(`${path}.4`)).toBe(false);
  });

  it("of a process whose number was given to another is free", () => {
    const path = join(temporary(), "lock");
    writeFileSync(`${path}.1`, JSON.stringify({ pid: process.pid, started: "1" }));
    expect(takeLock(path)).toBeDefined();
  });
});

describe("the pace", () => {
  it("holds leases ahead while tasks are short, and none beside long ones", () => {
    const pace = createPace(2);
    expect(pace.ahead()).toBe(0);
    for (let at = 0; at < 20; at += 1) pace.took(2, 1);
    expect(pace.ahead()).toBe(32);
    for (let at = 0; at < 20; at += 1) pace.took(2000, 1);
    expect(pace.ahead()).toBe(0);
    for (let at = 0; at < 40; at += 1) pace.took(30_000, 10_000);
    expect(pace.ahead()).toBe(0);
  });
});

it("removes what a job closed or buried", async () => {
  const folder = join(temporary(), "tree");
  mkdirSync(join(folder, "closed/inner"), { recursive: true });
  chmodSync(join(folder, "closed"), 0);
  let deep = "";
  for (let at = 0; at < 900; at += 1) deep += "/dd";
  mkdirSync(`${folder}/deep${deep}`, { recursive: true });
  await removeTree(folder);
  expect(existsSync(folder)).toBe(false);
});
