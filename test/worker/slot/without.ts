import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createSandbox } from "../../../worker/sandbox/sandbox.ts";

// A worker's sandbox and a few tasks, wherever this is started: what came of them is printed as JSON.
const state = mkdtempSync("/var/tmp/rendt-without-");
chmodSync(state, 0o711);
const setting = { state, workerId: "wwithout", life: `without-${process.pid}`, slots: 1, graceMs: 100, runtimes: [] };
const sandbox = await createSandbox({ ...setting, notice: () => undefined });
const [slot] = sandbox.slots;
if (!slot) throw new Error("a sandbox has a slot");
const root = join(sandbox.taskRoot, "task");
const folder = { root, work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
for (const path of Object.values(folder)) mkdirSync(path, { recursive: true });

const ends: object[] = [];
for (const [command, timeoutMs] of [
  [["sh", "-c", "echo out; echo err >&2; exit 7"], 20_000],
  [["sh", "-c", "kill -INT $$"], 20_000],
  [["no-such"], 20_000],
  [["sleep", "50"], 100],
  [["sh", "-c", "sleep 50 & echo early"], 20_000],
  [["sh", "-c", "sleep 0.2; nice"], 20_000],
] as const) {
  const printed = { stdout: "", stderr: "" };
  const run = {
    command,
    timeoutMs,
    folder,
    level: "none" as const,
    limits: {},
    env: { PATH: "/usr/bin:/bin", RENDT_ATTEMPT: `${setting.life}.${ends.length}.` },
    output(stream: "stdout" | "stderr", chunk: Buffer) {
      printed[stream] += chunk;
      return undefined;
    },
  };
  ends.push({ ...(await slot.run(run, new AbortController().signal)), ...printed });
}
const { measured, without } = sandbox;
process.stdout.write(JSON.stringify({ measured, without, ends }));
await sandbox.close();
rmSync(state, { recursive: true, force: true });
