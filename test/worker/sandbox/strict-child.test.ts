import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createFrost } from "../../../worker/frost.ts";
import { createPipeStock } from "../../../worker/pipes.ts";
import { ATTEMPT_VARIABLE, runProcess } from "../../../worker/process.ts";
import { INNER_SPEAKER } from "../../../worker/sandbox/bubblewrap.ts";
import { createRoot } from "../../../worker/sandbox/root.ts";
import { strictChild } from "../../../worker/sandbox/strict-child.ts";
import { createUsageMeter } from "../../../worker/usage.ts";
import { startWatchdog } from "../../../worker/watchdog.ts";
import { openScene, strictMissing } from "./scene.ts";

/** Strict runs as children of this process, as on machines where slots have no namespaces of their own. */
async function openChild() {
  const { sandbox, slot, folder } = await openScene();
  const life = `child-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const watchdog = startWatchdog(`${ATTEMPT_VARIABLE}=${life}.`, () => undefined);
  const pipes = await createPipeStock(join(sandbox.taskRoot, ".pipes"), 2);
  onTestFinished(async () => {
    pipes.close();
    await watchdog.close();
  });
  const root = createRoot(join(sandbox.taskRoot, ".strict", "other-root"), { runtimes: [], notice: () => undefined });
  const seccomp = join(sandbox.taskRoot, ".strict", "seccomp.bpf");
  const start = strictChild({ root, seccomp, scope: undefined, bus: {} }, { user: slot.user, slot: 0, watchdog });
  const usage = createUsageMeter(1, () => "self");
  const host = { pipes, usage, speaker: INNER_SPEAKER, frost: createFrost(), graceMs: 200 };
  return async (command: readonly string[]) => {
    let stdout = "";
    const output = (_: string, chunk: Buffer) => {
      stdout += chunk;
      return undefined;
    };
    const env = { PATH: "/usr/bin:/bin", [ATTEMPT_VARIABLE]: `${life}.1.` };
    const run = { command, env, folder, level: "strict" as const, limits: {}, output };
    return { ...(await runProcess(host, run, new AbortController().signal, start)), stdout };
  };
}

it.skipIf(strictMissing !== undefined)(
  `a strict task without a namespace of its slot is the first to go when memory runs out, and the last to be served${strictMissing ? ` (${strictMissing})` : ""}`,
  async () => {
    const run = await openChild();
    const look = "cat /proc/self/oom_score_adj /proc/1/oom_score_adj; nice; ionice";
    expect(await run(["sh", "-c", look])).toMatchObject({ exitCode: 0, stdout: "1000\n1000\n19\nidle\n" });
  },
);
