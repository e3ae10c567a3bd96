import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "./case.ts";
import { FINISH, type Stage, until } from "./stage.ts";

/** Gives the worker or the server a file system of its own, of so many MiB, where it will have its folder. */
const smallDisk = (name: "worker" | "server", mib: number): Pick<Case, "root" | "prepare" | "cleanUp"> => ({
  root: true,
  prepare(folder) {
    const place = join(folder, name);
    mkdirSync(place);
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m`, "tmpfs", place]);
    if (status !== 0) throw new Error("a small file system can't be mounted here");
    chmodSync(place, 0o711);
  },
  cleanUp: (folder) => void spawnSync("umount", ["-l", join(folder, name)]),
});

/** Fills a disk to its last byte; answers how to make room again. A tmpfs may have room again right after it had none. */
function fill(place: string): () => void {
  const fillers = ["a", "b", "c", "d"].map((name) => join(place, `filler-${name}`));
  for (const filler of fillers) {
    const fd = openSync(filler, "w");
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    } catch {
      // Full: that is what was wanted.
      closeSync(fd);
    }
  }
  return () => {
    for (const filler of fillers) rmSync(filler, { force: true });
  };
}

const WRITTEN_MS = 500;

const JOURNAL_FULL = /journal can't be written: ENOSPC/;

const said = (stage: Stage, text: RegExp) => until(() => text.test(stage.log()));

/** Its result is too long for what is left of the journal's last block. */
const fullAtEnd = (name: string, { plain }: { plain: boolean }): Case => ({
  name,
  ...smallDisk("worker", 8),
  async run(stage) {
    await stage.worker();
    const [shell = "", option = "", script = ""] = stage.makeTask({ plain }).spec.command;
    const command = [shell, option, `${script}\nhead -c 3900 /dev/urandom`];
    const sent = await stage.submit({ plain, gated: true, spec: { command } });
    await until(() => sent.runs() === 1);
    // An output is written right after the task has told that it runs.
    if (!plain) await sleep(WRITTEN_MS);
    const free = fill(join(stage.folder, "worker"));
    sent.open();
    await said(stage, JOURNAL_FULL);
    await stage.ended(sent);
    free();
    stage.expect(sent);
  },
});

export const disks: Case[] = [
  {
    name: "worker's disk full when its task prints: given back with the reason, run again when there is room",
    ...smallDisk("worker", 8),
    async run(stage) {
      await stage.worker();
      const command = [
        "/bin/sh",
        "-c",
        'echo began >> "$TALLY"; until test -e "$GATE"; do sleep 0.02; done; yes | head -c 2000000',
      ];
      const sent = await stage.submit({ plain: true, gated: true, spec: { command } });
      await until(() => sent.runs() === 1);
      const free = fill(join(stage.folder, "worker"));
      sent.open();
      await said(stage, /given back: .*(ENOSPC|no space)/i);
      free();
      stage.expect(sent, { runs: { least: 2, most: 20 } });
    },
  },
  fullAtEnd("worker's disk full when its task ends: the result arrives all the same", { plain: true }),
  fullAtEnd("worker's disk full when its task with outputs ends: they arrive all the same", { plain: false }),
  {
    name: "the task fills the disk: its own failure, its own exit code",
    ...smallDisk("worker", 8),
    async run(stage) {
      await stage.worker();
      const command = [
        "/bin/sh",
        "-c",
        'echo began >> "$TALLY"; head -c 20000000 /dev/zero > big && exit 0; rm big; exit 7',
      ];
      const sent = await stage.submit({ plain: true, spec: { command } });
      await stage.ended(sent);
      const { items } = await stage.client.outputs({ id: sent.id });
      if (items[0]?.result.exitCode !== 7)
        throw new Error(`it ended with ${items[0]?.result.exitCode}, not with its own 7`);
      stage.expect(sent, { status: "failed" });
    },
  },
  {
    name: "server's disk full at upload: refused, and the result arrives when there is room",
    ...smallDisk("server", 24),
    async run(stage) {
      await stage.worker();
      const sent = await stage.submit({ gated: true });
      await until(() => sent.runs() === 1);
      const free = fill(join(stage.folder, "server"));
      sent.open();
      await until(() => stage.gate.refusals() > 0);
      free();
      stage.expect(sent);
    },
  },
  {
    name: "server's disk full at finish: refused, and the result arrives when there is room",
    ...smallDisk("server", 24),
    async run(stage) {
      await stage.worker();
      const hold = stage.gate.hold(FINISH, "asked");
      const sent = await stage.submit({ plain: true });
      await hold.arrived;
      const free = fill(join(stage.folder, "server"));
      hold.release();
      await until(() => stage.gate.refusals() > 0);
      free();
      stage.expect(sent);
    },
  },
];
