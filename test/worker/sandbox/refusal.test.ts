import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hintFor } from "../../../worker/sandbox/hints.ts";
import { openMarketplace } from "../marketplace.ts";
import { textOf } from "../read-log.ts";
import { openScene, strictMissing } from "./scene.ts";

/** bubblewrap can't bind a folder that is not there: the real probe then fails on any machine. */
const BROKEN = { runtimes: ["/no/such/runtime"] };

it("without a strict sandbox a worker says why, advertises none, and runs nothing strict", async () => {
  const { sandbox, run } = await openScene(BROKEN);
  expect(sandbox.missing).toBeTruthy();
  expect(sandbox.measured).toMatchObject({ sandbox: "none", seccomp: false });
  // A sandbox that can't be made is not the job's failure.
  if (strictMissing === undefined)
    expect(await run(["true"])).toMatchObject({
      outcome: "unable",
      reason: expect.stringContaining("/no/such/runtime"),
    });
});

it("a worker told to be strict does not start without it", async () => {
  const market = await openMarketplace();
  await expect(market.startWorker({ ...BROKEN, sandbox: "strict" })).rejects.toMatchObject({
    code: "worker_refused",
    message: expect.stringMatching(/strict is not to be had here: .*/),
  });
});

it("a job that demands strict waits for a worker that has it, and explain says so", async () => {
  const market = await openMarketplace();
  await market.startWorker(BROKEN);
  expect(market.notices).toContainEqual(expect.stringContaining("jobs of strangers are not taken"));
  const id = await market.submit({ command: ["true"], sandbox: "strict" });
  // Jobs that ask for nothing go on.
  expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  const { workers } = await market.client.explain({ id });
  expect(workers[0]).toMatchObject({ fits: false, reasons: ["sandbox strict asked, none there"] });
});

it.skipIf(strictMissing !== undefined)(
  "a job that demands strict gets it; its outputs come back and its limits are named",
  async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const { inputs } = await market.inline({ "given.txt": Buffer.from("input") });
    const script = "id -un; cat given.txt; echo made > out.txt; cat /etc/shadow || true";
    const result = await market.run({ command: ["sh", "-c", script], sandbox: "strict", inputs, outputs: ["out.txt"] });
    expect(result).toMatchObject({ exitCode: 0, usage: { inputBytes: 5 } });
    expect(textOf(result, "stdout")).toBe("job\ninput");
    expect(result.outputs).toMatchObject({ manifest: { entries: [{ path: "out.txt" }] } });
    const limited = await market.run({ command: ["yes"], sandbox: "strict", limits: { outputBytes: 1024 } });
    expect(limited).toMatchObject({ outcome: "limit", reason: "killed: output 1 KiB" });
  },
);

it.skipIf(strictMissing !== undefined)("the owner may shut in the jobs of the own account too", async () => {
  const market = await openMarketplace();
  await market.startWorker({ sandbox: "strict", caps: { outputBytes: 2048 } });
  expect(textOf(await market.run({ command: ["id", "-un"] }))).toBe("job\n");
  // A job can't have more than the owner grants.
  const limited = await market.run({ command: ["yes"], limits: { outputBytes: 1024 ** 3 } });
  expect(limited.reason).toBe("killed: output 2 KiB");
});

it.skipIf(strictMissing !== undefined)(
  "a strict task is bounded where nobody says how, worker.toml or not",
  async () => {
    const bounds = { command: ["sh", "-c", "ulimit -n; ulimit -p || ulimit -u"], sandbox: "strict" as const };
    const market = await openMarketplace();
    const ownerFile = join(market.folder, "worker.toml");
    const unbidden = await market.startWorker({ ownerFile });
    expect(textOf(await market.run(bounds))).toBe("4096\n512\n");
    unbidden.stop();
    await unbidden.done;
    writeFileSync(ownerFile, "[limits]\nopen-files = 5000\n");
    await market.startWorker({ ownerFile });
    expect(textOf(await market.run(bounds))).toBe("5000\n512\n");
  },
);

it("names the change that puts a missing sandbox right", () => {
  const hints = {
    "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)":
      "max_user_namespaces",
    "bwrap: No permissions to create new namespace, likely because": "unprivileged_userns_clone",
    "bwrap: setting up uid map: Permission denied": "AppArmor",
    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted": "AppArmor",
    "unshare: unshare failed: No space left on device": "max_user_namespaces",
    "unshare: unshare failed: Operation not permitted": "unprivileged_userns_clone",
    "unshare: write failed /proc/self/uid_map: Operation not permitted": "AppArmor",
    "bwrap: Unknown option --disable-userns": "0.8",
  };
  for (const [text, hint] of Object.entries(hints)) expect(hintFor(text)).toContain(hint);
  expect(hintFor("something else")).toBe("");
});
