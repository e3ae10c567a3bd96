import { spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { cancelRuns } from "../../../bench/kills/cancels.ts";
import { killWorkers } from "../../../bench/kills/deaths.ts";
import { endOf } from "../../support/end-of.ts";
import { strictMissing } from "../sandbox/scene.ts";

/** Few of what `bench/kills.ts` does often. */
const root = process.getuid?.() === 0;
const NOBODY = 65_534;

it.each(["none", ...(strictMissing === undefined ? ["strict" as const] : [])] as const)(
  "nothing outlives a cancel at level %s, at whatever moment it comes",
  async (level) => {
    const found = await cancelRuns({
      level,
      runs: 24,
      slots: 2,
      graceMs: 20,
      after: (run) => run,
      notice: () => undefined,
    });
    expect(found).toMatchObject({ survivors: 0, wrong: [] });
  },
);

it("nothing outlives a worker that is killed, at whatever moment", { timeout: 60_000 }, async () => {
  const { survivors } = await killWorkers({
    runs: 8,
    level: (run) => (strictMissing === undefined && run % 4 === 1 ? "strict" : "none"),
    when: (run) => ({ after: run % 2 === 0 ? "starting" : "running", ms: 5 * run }),
  });
  expect(survivors).toBe(0);
});

it.runIf(root)("the same holds for a worker that is not root", { timeout: 120_000 }, async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), "rendt-nobody-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o755);
  const { code, text } = await asNobody(["bench/kills.ts", "12", "6", "1"], folder);
  if (/EACCES|Cannot find module/.test(text)) skip("this copy of the project is closed to other users");
  expect(text).not.toContain('"ok":false');
  expect(text.match(/"ok":true/g)).toHaveLength(8);
  expect(code).toBe(0);
});

function asNobody(words: string[], home: string): Promise<{ code: number | null; text: string }> {
  const user = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
  const child = spawn("setpriv", [...user, process.execPath, "--import", "./scripts/ts.mjs", ...words], {
    env: { PATH: process.env["PATH"] ?? "", HOME: home, TMPDIR: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return endOf(child);
}
