import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
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
