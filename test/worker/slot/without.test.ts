import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { endOf } from "../../support/end-of.ts";

/** Runs the file beside this one as a user who may make no namespaces any more. */
function runWithout() {
  const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all --inh-caps -all "$@"';
  const file = new URL("without.ts", import.meta.url).pathname;
  const node = [process.execPath, "--import", "./scripts/ts.mjs", file];
  const space = ["--user", "--map-user=65534", "--map-group=65534", "--keep-caps", "sh", "-c", script, "sh", ...node];
  return endOf(spawn("unshare", space, { stdio: ["ignore", "pipe", "inherit"] }));
}

it.skipIf(process.platform !== "linux" || !existsSync("/proc/sys/user/max_user_namespaces"))(
  "where there are no namespaces a worker says why, advertises it, and runs tasks as its own children",
  async () => {
    const { measured, without, ends } = JSON.parse((await runWithout()).text);
    expect(measured).toMatchObject({ namespaces: false, sandbox: "none" });
    expect(without).toMatch(/unshare failed: .*raise the sysctl user.max_user_namespaces/);
    expect(ends).toMatchObject([
      { outcome: "exited", exitCode: 7, stdout: "out\n", stderr: "err\n" },
      { outcome: "signalled", signal: "SIGINT" },
      { outcome: "not_started", exitCode: 127, stderr: "" },
      { outcome: "timed_out", exitCode: 124 },
      { outcome: "exited", exitCode: 0, stdout: "early\n" },
      { outcome: "exited", exitCode: 0, stdout: "10\n" },
    ]);
  },
);
