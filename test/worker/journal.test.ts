import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openJournal } from "../../worker/journal.ts";

/** A file system of 256 KiB; undefined where this system does not allow one. */
function mountSmall(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "rendt-journal-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  if (process.getuid?.() !== 0) return undefined;
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]).status !== 0) return undefined;
  onTestFinished(() => void spawnSync("umount", ["-l", folder]));
  return folder;
}

/** Leaves so many pages free. */
function fill(folder: string, pages: number): void {
  const room = join(folder, "room");
  const fd = openSync(room, "w");
  for (let page = 0; page < pages; page += 1) writeSync(fd, Buffer.alloc(4096));
  closeSync(fd);
  const filler = openSync(join(folder, "filler"), "w");
  try {
    for (;;) writeSync(filler, Buffer.alloc(4096));
  } catch {
    closeSync(filler);
  }
  rmSync(room);
}

const result = (position: number, reason: string) =>
  ({
    is: "result",
    lease: "lease",
    position,
    at: Date.now(),
    result: { index: position, outcome: "exited", exitCode: 0, durationMs: 1, reason },
  }) as const;

const claimed = {
  is: "claimed",
  lease: {
    id: "lease",
    job: "j000000000000",
    round: 0,
    from: 0,
    upTo: 100,
    try: 1,
    spec: { command: ["true"], outputs: [], env: {} },
  },
} as never;

it("an entry for which the disk has half of the room is not written at all, and what stands before it is read", async ({
  skip,
}) => {
  const folder = mountSmall();
  if (folder === undefined) return skip("a small file system can't be mounted here");
  const path = join(folder, "journal");
  const { journal } = openJournal(path, () => undefined);
  journal.write([claimed, result(0, "short")]);
  fill(folder, 1);
  const long = Array.from({ length: 10 }, (_, at) => result(1 + at, "x".repeat(1500)));
  expect(() => journal.write(long)).toThrow(/ENOSPC/);
  rmSync(join(folder, "filler"));
  journal.write([result(1, "after")]);
  journal.close();
  const [open] = openJournal(path, () => undefined).open;
  expect(open?.results.map(({ result: { reason } }) => reason)).toEqual(["short", "after"]);
});

it("a journal that finds no room to be written anew at its start is left as it is", async ({ skip }) => {
  const folder = mountSmall();
  if (folder === undefined) return skip("a small file system can't be mounted here");
  const path = join(folder, "journal");
  const { journal } = openJournal(path, () => undefined);
  journal.write([claimed, ...Array.from({ length: 10 }, (_, at) => result(at, "x".repeat(1500)))]);
  journal.close();
  fill(folder, 1);
  expect(() => openJournal(path, () => undefined)).toThrow(/ENOSPC/);
  rmSync(join(folder, "filler"));
  expect(openJournal(path, () => undefined).open[0]?.results).toHaveLength(10);
});
