import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { chown, mkdir, rm, rmdir } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../contract/errors.ts";
import { createFrost } from "../frost.ts";
import { runProcess } from "../process.ts";
import { takeSlotUsers } from "../slot-users.ts";
import { INSIDE } from "./bubblewrap.ts";
import type { Sandbox, Slot, TaskFolder } from "./port.ts";
import { probeStrict } from "./probe.ts";
import { createRoot, openUp } from "./root.ts";
import { findScope } from "./scope.ts";
import { isFiltered, seccompFilter } from "./seccomp.ts";
import type { StrictSetting } from "./strict.ts";
import { findTaskRoot } from "./task-root.ts";
import { findWays, type Ways } from "./ways.ts";

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
  notice: (text: string) => void;
};

/** What is not to be had here, and why: the level strict, and namespaces for slots. */
type Missing = { missing: string | undefined; without: string | undefined };

/** Makes the slots and proves what they can do. A root worker never runs a job as root: each slot gets a user of its own. */
export async function createSandbox(setting: Setting): Promise<Sandbox & Missing> {
  const undo: (() => unknown)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const owners = process.getuid?.() === 0 ? takeSlotUsers(setting.slots) : undefined;
    if (owners) undo.push(owners.release);
    const users = Array.from({ length: setting.slots }, (_, number) => owners?.users[number]);
    const taskRoot = await findTaskRoot(setting, owners?.users ?? []);
    // What holds undelivered outputs stays.
    undo.push(() => rmdir(taskRoot).catch(() => undefined));
    const strict = prepareStrict(setting, taskRoot);
    // What can't be written may not be removed either; the next start does it.
    undo.push(() => rm(strictFolder(taskRoot), { recursive: true, force: true }).catch(() => undefined));
    const found = await findWays({ ...setting, users, strict });
    undo.push(found.close);
    const slots = found.ways.map((ways, number) => createSlot(setting, ways, { number, user: users[number] }));
    const missing = await probe(slots, { taskRoot, life: setting.life });
    const { without } = found;
    return { measured: measured(strict, missing, without), missing, without, taskRoot, slots, inside, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const inside: Sandbox["inside"] = (level, folder) => (level === "strict" ? INSIDE : folder);

function createSlot({ graceMs }: Setting, ways: Ways, who: Pick<Slot, "number" | "user">): Slot {
  const frost = createFrost();
  return {
    ...frost,
    ...who,
    run(run, signal) {
      const { host, start } = ways[run.level];
      return runProcess({ ...host, frost, graceMs }, run, signal, start);
    },
  };
}

/** Without a proof it is `none`, never something in between. */
function measured(
  { scope, seccomp }: StrictSetting,
  missing: string | undefined,
  without: string | undefined,
): Sandbox["measured"] {
  const limits = scope && missing === undefined ? "cgroup" : process.platform === "linux" ? "polled" : "none";
  return {
    sandbox: missing === undefined ? "strict" : "none",
    limits,
    seccomp: missing === undefined && seccomp !== undefined,
    namespaces: without === undefined,
  };
}

const strictFolder = (taskRoot: string): string => join(taskRoot, ".strict");

/** What every strict run reads: the root of what it sees, and the filter of system calls. */
function prepareStrict({ runtimes, bus = {}, notice }: Setting, taskRoot: string): StrictSetting {
  const folder = strictFolder(taskRoot);
  const path = join(folder, "root");
  const machine = arch();
  const seccomp = isFiltered(machine) ? join(folder, "seccomp.bpf") : undefined;
  const scope = process.platform === "linux" ? findScope(bus, process.getuid?.()) : undefined;
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    if (seccomp !== undefined && isFiltered(machine)) writeFileSync(seccomp, seccompFilter(machine));
    const root = createRoot(path, { runtimes, notice });
    openUp(folder);
    return { root, seccomp, scope, bus };
  } catch (error) {
    // The probe meets it, and the worker goes on with what it has.
    const why = new Error(`${folder}, which strict tasks read, can't be written: ${messageOf(error)}`);
    const mounts = () => {
      throw why;
    };
    return { root: { path, mounts }, seccomp, scope, bus };
  }
}

/** In the first slot: what one user of this machine can, the others can too. */
async function probe(
  [slot]: readonly Slot[],
  { taskRoot, life }: { taskRoot: string; life: string },
): Promise<string | undefined> {
  if (!slot) return "there is no slot";
  const root = join(taskRoot, ".probe");
  const folder: TaskFolder = { root, work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
  await rm(root, { recursive: true, force: true });
  try {
    for (const path of [root, folder.work, folder.home, folder.tmp]) {
      await mkdir(path, { mode: path === root ? 0o711 : 0o700 });
      if (slot.user && path !== root) await chown(path, slot.user.uid, slot.user.gid);
    }
    return await probeStrict(slot, folder, `${life}.probe.`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
