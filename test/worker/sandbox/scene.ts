import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { Run, RunEnd, Slot, TaskFolder } from "../../../worker/sandbox/port.ts";
import { createSandbox } from "../../../worker/sandbox/sandbox.ts";
import { createTaskFolders } from "../../../worker/task-folders.ts";

export type Ran = RunEnd & { stdout: string; stderr: string };
export type Scene = {
  sandbox: Awaited<ReturnType<typeof createSandbox>>;
  slot: Slot;
  folder: TaskFolder;
  run(command: readonly string[], more?: Partial<Run> & { signal?: AbortSignal }): Promise<Ran>;
};

/** A sandbox with one slot and one task folder, gone when the test is over. Runs are strict unless told otherwise. */
export async function openScene({
  graceMs = 200,
  runtimes = [] as string[],
  // Not below a closed folder: the users of a root worker's slots walk through it.
  state = mkdtempSync("/var/tmp/rendt-sandbox-"),
} = {}): Promise<Scene> {
  chmodSync(state, 0o711);
  const life = `life-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const notice = () => undefined;
  const sandbox = await createSandbox({
    state,
    workerId: "wtest",
    life,
    slots: 1,
    graceMs,
    runtimes,
    notice,
  });
  onTestFinished(async () => {
    await sandbox.close();
    rmSync(state, { recursive: true, force: true });
  });
  const [slot] = sandbox.slots;
  if (!slot) throw new Error("a sandbox has a slot");
  const folder = createTaskFolders(sandbox.taskRoot, life, notice).take(slot);
  return {
    sandbox,
    slot,
    folder,
    async run(command, { signal = new AbortController().signal, ...more } = {}) {
      const printed = { stdout: "", stderr: "" };
      const run: Run = {
        command,
        folder,
        level: "strict",
        limits: {},
        output(stream, chunk) {
          printed[stream] += chunk;
          return undefined;
        },
        ...more,
        env: { PATH: "/usr/bin:/bin", RENDT_ATTEMPT: `${life}.1.`, ...more.env },
      };
      return { ...(await slot.run(run, signal)), ...printed };
    },
  };
}

/** Why sessions have no priority of their own here, if so, as the end of a title. */
export const autogroupMissing = existsSync("/proc/self/autogroup")
  ? undefined
  : " (this kernel has no /proc/self/autogroup)";

/** A command that waits some seconds for its session to be put as far back as this, and prints how far it is. */
export const untilSessionAt = (nice: number): string[] => [
  "sh",
  "-c",
  `i=0; until grep -q ' nice ${nice}$' /proc/self/autogroup || [ $((i += 1)) = 200 ]; do sleep 0.05; done; cat /proc/self/autogroup`,
];

/** Why there is no strict sandbox here, if so: such tests are skipped with this reason. */
export const strictMissing = await (async () => {
  const state = mkdtempSync("/var/tmp/rendt-probe-");
  chmodSync(state, 0o711);
  const setting = {
    state,
    workerId: "wprobe",
    life: `probe-${process.pid}`,
    slots: 1,
    graceMs: 200,
    runtimes: [],
    notice: () => undefined,
  };
  const sandbox = await createSandbox(setting);
  await sandbox.close();
  rmSync(state, { recursive: true, force: true });
  return sandbox.missing;
})();
