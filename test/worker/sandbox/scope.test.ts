import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { findScope, scopeWords } from "../../../worker/sandbox/scope.ts";

const MIB = 1024 * 1024;

it("asks systemd for what the job may use, and as root changes the user inside the group", () => {
  const limits = { memoryBytes: 512 * MIB, processes: 64, cpus: 2, openFiles: 10 };
  const properties = ["-p", "MemoryMax=536870912", "-p", "MemorySwapMax=0", "-p", "TasksMax=64", "-p", "CPUQuota=200%"];
  const described = ["--scope", "--quiet", "--collect", "--slice", "rendt.slice", "--description", "a task of Rendt"];
  const together = ["--", "/bin/sh", "-c", expect.stringContaining("memory.oom.group"), "sh"];
  expect(scopeWords("user", limits, undefined)).toEqual([
    ...["systemd-run", "--user", ...described, ...properties, ...together],
  ]);
  expect(scopeWords("system", {}, { uid: 64_000, gid: 64_000 })).toEqual([
    ...["systemd-run", ...described, ...together],
    ...["setpriv", "--reuid", "64000", "--regid", "64000", "--clear-groups", "--"],
  ]);
});

it("does without where no group can be had, or one without the limits", () => {
  // Nobody answers on this bus.
  const folder = mkdtempSync(join(tmpdir(), "rendt-scope-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(findScope({}, 1000)).toBeUndefined();
  expect(findScope({ XDG_RUNTIME_DIR: folder }, 1000)).toBeUndefined();
  // Takes every property and applies none, as systemd does with a controller that is not delegated.
  writeFileSync(join(folder, "systemctl"), "#!/bin/sh\n");
  chmodSync(join(folder, "systemctl"), 0o755);
  writeFileSync(join(folder, "systemd-run"), '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n');
  chmodSync(join(folder, "systemd-run"), 0o755);
  expect(findScope({ XDG_RUNTIME_DIR: folder, PATH: `${folder}:/usr/bin:/bin` }, 1000)).toBeUndefined();
});
