import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { chown, mkdir, rm, rmdir } from "node:fs/promises";
import { arch, availableParallelism } from "node:os";
import { join } from "node:path";
import { createFrost } from "../frost.ts";
import { createPipeStock, type PipeStock } from "../pipes.ts";
import { type ProcessHost, runProcess } from "../process.ts";
import { takeSlotUsers } from "../slot-users.ts";
import { createUsageMeter } from "../usage.ts";
import type { Watchdog } from "../watchdog.ts";
import { INSIDE } from "./bubblewrap.ts";
import { plainStart } from "./plain.ts";
import type { Sandbox, Slot, SlotUser, TaskFolder } from "./port.ts";
import { probeStrict } from "./probe.ts";
import { findScope } from "./scope.ts";
import { isFiltered, seccompFilter } from "./seccomp.ts";
import { type StrictSetting, strictStart } from "./strict.ts";
import { findTaskRoot } from "./task-root.ts";
import { onPath } from "./tools.ts";

type Setting = {
  state: string;
  workerId: string;
  /** Names this life of the worker; its watchdog ends what carries that name. */
  life: string;
  slots: number;
  graceMs: number;
  /** Folders outside /usr that strict jobs may read. */
  runtimes: readonly string[];
  /** Variables by which the user's own systemd is reached. */
  bus?: Readonly<Record<string, string>>;
  watchdog: Watchdog;
  notice: (text: string) => void;
};

/** Makes the slots and proves what they can do. A root worker never runs a job as root: each slot gets a user of its own. */
export async function createSandbox(setting: Setting): Promise<Sandbox & { missing: string | undefined }> {
  const pipes = await createPipeStock(join(setting.state, "pipes"), 2 * setting.slots);
  const owners = process.getuid?.() === 0 ? takeSlotUsers(setting.slots) : undefined;
  const users = owners?.users ?? [];
  const letGo = () => {
    pipes.close();
    owners?.release();
  };
  try {
    const taskRoot = await findTaskRoot(setting, users);
    const host = hostOf(setting, pipes);
    const strict = prepareStrict(setting, taskRoot);
    const missing = await probe({ host, setting: strict, taskRoot, life: setting.life, user: users[0] });
    return {
      measured: measured(strict, missing),
      missing,
      taskRoot,
      slots: Array.from({ length: setting.slots }, (_, number) => {
        const user = users[number];
        const starts = { none: plainStart(user, number), strict: strictStart(strict, user, number) };
        const frost = createFrost();
        const run: Slot["run"] = (run, signal) => runProcess({ ...host, frost }, run, signal, starts[run.level]);
        return { ...frost, number, user, run };
      }),
      inside: (level, folder) => (level === "strict" ? INSIDE : folder),
      async close() {
        letGo();
        rmSync(strict.etc, { recursive: true, force: true });
        // What holds undelivered outputs stays.
        await rmdir(taskRoot).catch(() => undefined);
      },
    };
  } catch (error) {
    letGo();
    throw error;
  }
}

const hostOf = ({ watchdog, graceMs }: Setting, pipes: PipeStock): ProcessHost => ({
  pipes,
  watchdog,
  graceMs,
  usage: createUsageMeter(availableParallelism()),
  frost: createFrost(),
});

/** Without a proof it is `none`, never something in between. */
function measured({ scope, seccomp }: StrictSetting, missing: string | undefined): Sandbox["measured"] {
  const limits = scope && missing === undefined ? "cgroup" : process.platform === "linux" ? "polled" : "none";
  return {
    sandbox: missing === undefined ? "strict" : "none",
    limits,
    seccomp: missing === undefined && seccomp !== undefined,
  };
}

/** Writes what every strict run reads: who is who inside, and the filter of system calls. */
function prepareStrict({ state, runtimes, bus = {} }: Setting, taskRoot: string): StrictSetting {
  const etc = join(taskRoot, ".etc");
  rmSync(etc, { recursive: true, force: true });
  mkdirSync(etc, { mode: 0o755 });
  writeFileSync(join(etc, "passwd"), "job:x:1000:1000:job:/home/job:/bin/sh\n", { mode: 0o644 });
  writeFileSync(join(etc, "group"), "job:x:1000:\n", { mode: 0o644 });
  const machine = arch();
  const seccomp = isFiltered(machine) ? join(state, "seccomp.bpf") : undefined;
  if (seccomp !== undefined && isFiltered(machine)) writeFileSync(seccomp, seccompFilter(machine), { mode: 0o600 });
  const scope = process.platform === "linux" ? findScope(bus, process.getuid?.()) : undefined;
  return { etc, runtimes, seccomp, scope, bus, idle: onPath("ionice") ? ["ionice", "-c", "3"] : [] };
}

type Probe = {
  host: ProcessHost;
  setting: StrictSetting;
  taskRoot: string;
  life: string;
  user: SlotUser | undefined;
};

async function probe({ host, setting, taskRoot, life, user }: Probe): Promise<string | undefined> {
  const root = join(taskRoot, ".probe");
  const folder: TaskFolder = { root, work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
  await rm(root, { recursive: true, force: true });
  try {
    for (const path of [root, folder.work, folder.home, folder.tmp]) {
      await mkdir(path, { mode: path === root ? 0o711 : 0o700 });
      if (user && path !== root) await chown(path, user.uid, user.gid);
    }
    return await probeStrict({ host, setting, folder, user, tag: `${life}.probe.` });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
