import { spawnSync } from "node:child_process";
import type { Limits } from "./limits.ts";
import type { SlotUser } from "./port.ts";
import { TOOLS } from "./tools.ts";

/** Which systemd makes control groups for us: the system's, for root, or the user's own. */
export type Scope = "system" | "user";

/** A machine that has just been started is slow, and a group that was not had by then is not asked for again. */
const PROBE_MS = 15_000;

/** Between groups their weights count, and `nice` does not: all tasks together get next to nothing of what others want. */
const SLICE = { name: "rendt.slice", property: "CPUWeight=1" } as const;

/** Asks for a group with limits and runs something in it. Undefined without systemd, without a bus, or without the controllers. */
export function findScope(bus: Readonly<Record<string, string>>, uid: number | undefined): Scope | undefined {
  const scope: Scope = uid === 0 ? "system" : "user";
  if (scope === "user" && !bus["XDG_RUNTIME_DIR"]) return undefined;
  const works = ([file = "", ...words]: readonly string[]) =>
    spawnSync(file, words, { env: { ...TOOLS, ...bus }, timeout: PROBE_MS, stdio: "ignore" }).status === 0;
  const limits = { memoryBytes: 64 * 1024 * 1024, processes: 16 };
  // A controller that is not delegated is left out without a word: the group's own files tell.
  const look =
    'g=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup) && test "$(cat "$g/memory.max")" = 67108864 && test "$(cat "$g/pids.max")" = 16 && test "$(cat "$g/memory.oom.group")" = 1';
  return works(["systemctl", ...managerOf(scope), "set-property", "--runtime", SLICE.name, SLICE.property]) &&
    works([...scopeWords(scope, limits, undefined), "/bin/sh", "-c", look])
    ? scope
    : undefined;
}

const managerOf = (scope: Scope): string[] => (scope === "user" ? ["--user"] : []);

/** When memory runs out, all of the group goes: a task that lost only a part of itself would end as if by a mistake of its own. */
const ALL_TOGETHER = 'read -r g </proc/self/cgroup && echo 1 >"/sys/fs/cgroup${g#0::}/memory.oom.group" && exec "$@"';

/** The words that put what follows into a group of its own, which ends with it. */
export function scopeWords(
  scope: Scope,
  { memoryBytes, processes, cpus }: Limits,
  user: SlotUser | undefined,
): string[] {
  const properties = [
    ...(memoryBytes === undefined ? [] : [`MemoryMax=${memoryBytes}`, "MemorySwapMax=0"]),
    ...(processes === undefined ? [] : [`TasksMax=${processes}`]),
    ...(cpus === undefined ? [] : [`CPUQuota=${100 * cpus}%`]),
  ];
  return [
    ...["systemd-run", ...managerOf(scope), "--scope", "--quiet", "--collect", "--slice", SLICE.name],
    // Else the journal gets the whole command with each task.
    ...["--description", "a task of Rendt"],
    ...properties.flatMap((property) => ["-p", property]),
    ...["--", "/bin/sh", "-c", ALL_TOGETHER, "sh"],
    ...(scope === "system" && user
      ? ["setpriv", "--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups", "--"]
      : []),
  ];
}
