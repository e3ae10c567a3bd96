import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { TOOLS } from "../../../worker/sandbox/tools.ts";
import { endOf } from "../../support/end-of.ts";
import { strictMissing } from "../sandbox/scene.ts";

const project = fileURLToPath(new URL("../../..", import.meta.url));
/** The tests that hang on what a shell says, sets or hands on; all others of their files would only take their time again. */
const SLOTS = [
  "gets its words and variables exactly, and no others",
  "is told apart by how it ended",
  "that could not start says why, and nothing else",
  "is without rights to be gained",
  "gives a task back whose limits this machine can't set",
  "whose shell is killed has another for the next task",
  "is asked to end with TERM",
];
const STRICT = [
  "tells exit codes and signals apart",
  "says why a command could not start",
  "names the limit that it hit",
];
const SPOKEN = strictMissing === undefined ? [...SLOTS, ...STRICT] : SLOTS;
const FILES = ["slot/slot", "sandbox/strict"].map((name) => `test/worker/${name}.test.ts`);
/** What /bin/sh is on Debian and Ubuntu, on most others, and on Alpine. */
const SHELLS = ["dash", "bash", "busybox"];

it.for(SHELLS)("slots and sandboxes work where /bin/sh is %s", { timeout: 300_000 }, async (name, { skip }) => {
  const shell = TOOLS.PATH.split(":")
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (shell === undefined) return skip(`there is no ${name} here`);
  if (realpathSync("/bin/sh") === realpathSync(shell)) return skip(`/bin/sh is ${name} here, so that all tests try it`);
  const folder = mkdtempSync(join(tmpdir(), "rendt-shells-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  symlinkSync(shell, join(folder, "sh"));

  const trial = await runWith(folder, ["readlink", "-f", "/bin/sh"]);
  if (trial.code !== 0) return skip(`/bin/sh can't be replaced here: ${trial.text.trim()}`);
  expect(trial.text.trim()).toBe(realpathSync(shell));
  const vitest = join(project, "node_modules/vitest/vitest.mjs");
  const chosen = ["--testNamePattern", SPOKEN.join("|"), "--reporter=verbose", ...FILES];
  const { code, text } = await runWith(folder, [process.execPath, vitest, "run", ...chosen]);
  expect(code, text).toBe(0);
  const passed = text.split("\n").filter((line) => line.includes("✓"));
  for (const title of SPOKEN) expect(passed).toContainEqual(expect.stringContaining(title));
});

/** Runs a command with what lies in a folder laid over /bin, for itself alone. */
function runWith(folder: string, command: readonly string[]): Promise<{ code: number | null; text: string }> {
  const over = 'bin=$(readlink -f /bin) && mount -t overlay -o "lowerdir=$1:$bin" overlay "$bin" && shift && exec "$@"';
  const space = ["--mount", "--propagation", "private", "--fork", "--kill-child", "--"];
  const child = spawn("unshare", [...space, "sh", "-c", over, "sh", folder, ...command], {
    cwd: project,
    env: { PATH: TOOLS.PATH, HOME: folder, TMPDIR: tmpdir(), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return endOf(child);
}
