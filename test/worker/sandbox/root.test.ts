import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createRoot } from "../../../worker/sandbox/root.ts";
import { openScene, strictMissing } from "./scene.ts";

describe.skipIf(strictMissing !== undefined)("what a strict task sees as /", () => {
  it("is the system, its own folders and little of /etc, and can't be changed", async () => {
    const { run } = await openScene();
    const { stdout } = await run(["sh", "-c", "ls -A / /etc /home /var; cat /etc/passwd"]);
    expect(stdout.replaceAll(/^(s?bin|lib\w*|alternatives|ld\.so\.cache|localtime|nsswitch\.conf)\n/gm, "")).toBe(
      "/:\n.job\ndev\netc\nhome\njob\nproc\ntmp\nusr\nvar\n\n" +
        "/etc:\nca-certificates\ngroup\nhosts\npasswd\nresolv.conf\nservices\nssl\n\n" +
        "/home:\njob\n\n/var:\ntmp\njob:x:1000:1000:job:/home/job:/bin/sh\n",
    );
    const places = ["/", "/etc", "/home", "/var", "/usr", "/dev", "/etc/ssl", "/etc/alternatives"];
    const touch = places.map((place) => `touch ${place}/new 2>/dev/null && echo ${place}`).join("; ");
    const files = ["/etc/passwd", "/etc/ld.so.cache", "/.job"];
    const write = files.map((file) => `(echo >>${file}) 2>/dev/null && echo ${file}`).join("; ");
    expect((await run(["sh", "-c", `${touch}; ${write}; ls /etc/hosts && wc -c </etc/hosts`])).stdout).toBe(
      "/etc/hosts\n0\n",
    );
  });

  it("has the machine's libraries, time zone and certificates", async () => {
    const { run } = await openScene();
    for (const file of ["/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf"])
      expect((await run(["cat", file])).stdout).toBe(readFileSync(file, "utf8"));
    for (const folder of ["/etc/ssl/certs", "/etc/alternatives"])
      expect((await run(["ls", "-AU", folder])).stdout.split("\n").filter(Boolean).sort()).toEqual(
        readdirSync(folder).sort(),
      );
  });

  it("is open to the slot's user whatever the worker's umask", async () => {
    const before = process.umask(0o077);
    const { run, folder } = await openScene().finally(() => process.umask(before));
    chmodSync(folder.root, 0o711);
    expect(await run(["sh", "-c", "id -un && cd /home && ls"])).toMatchObject({ exitCode: 0, stdout: "job\njob\n" });
  });

  it("has a place for what the owner lends: folders, files, and what lies in /usr or behind a link", async () => {
    const lent = mkdtempSync("/var/lib/rendt-lent-");
    onTestFinished(() => rmSync(lent, { recursive: true, force: true }));
    chmodSync(lent, 0o755);
    mkdirSync(join(lent, "deep/er"), { recursive: true });
    writeFileSync(join(lent, "deep/er/file"), "in a folder\n");
    writeFileSync(join(lent, "alone"), "alone\n");
    symlinkSync("deep", join(lent, "link"));
    const runtimes = [join(lent, "deep/er"), join(lent, "alone"), join(lent, "link"), "/usr/share", "/bin", "/lib/"];
    const { run, sandbox } = await openScene({ runtimes });
    expect(sandbox.missing).toBeUndefined();
    const { stdout } = await run([
      "sh",
      "-c",
      `cat ${lent}/deep/er/file ${lent}/alone ${lent}/link/er/file; ls ${lent}`,
    ]);
    expect(stdout).toBe("in a folder\nalone\nin a folder\nalone\ndeep\nlink\n");
  });
});

it("goes without a file of /etc that can't be copied, says which once, and takes it when it can", () => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-root-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [etc, copies] = [join(folder, "etc"), join(folder, "root/etc")];
  mkdirSync(etc);
  symlinkSync("localtime", join(etc, "localtime"));
  writeFileSync(join(etc, "nsswitch.conf"), "hosts: files\n");
  const notices: string[] = [];
  const root = createRoot(join(folder, "root"), { runtimes: [], etc, notice: (text) => notices.push(text) });
  const copied = () => ["localtime", "nsswitch.conf"].filter((name) => existsSync(join(copies, name)));
  for (let run = 0; run < 3; run += 1) root.mounts(false);
  expect(copied()).toEqual(["nsswitch.conf"]);
  expect(notices).toEqual([expect.stringMatching(/no \S+\/etc\/localtime, or an older one, .*ELOOP/)]);
  rmSync(join(etc, "localtime"));
  writeFileSync(join(etc, "localtime"), "TZif2");
  root.mounts(false);
  expect(copied()).toEqual(["localtime", "nsswitch.conf"]);
  expect(notices).toHaveLength(1);
});

it("that can't be written leaves the worker without strict, and says which folder", async ({ skip }) => {
  const state = mkdtempSync("/var/tmp/rendt-sandbox-");
  const strict = join(state, "tasks/.strict");
  mkdirSync(strict, { recursive: true });
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", strict]).status !== 0)
    skip("a file system that takes nothing can't be mounted here");
  const { sandbox, run } = await openScene({ state }).finally(() => spawnSync("umount", ["-l", strict]));
  expect(sandbox.missing).toContain(`${strict}, which strict tasks read, can't be written: `);
  expect(sandbox.measured).toMatchObject({ sandbox: "none", seccomp: false });
  expect(await run(["echo", "one"], { level: "none" })).toMatchObject({ exitCode: 0, stdout: "one\n" });
});
