import { spawnSync } from "node:child_process";
import type { Limits } from "./limits.ts";
import type { SlotUser } from "./port.ts";
import { TOOLS } from "./tools.ts";

/** Which systemd makes control groups for us: the system's, for root, or the user's own. */
export type Scope = "system" | "user";

const PROBE_MS = 5000;

/** Asks for a group with limits and runs something in it. Undefined without systemd, without a bus, or without the controllers. */
export function findScope(bus: Readonly<Record<string, string>>, uid: number | undefined): Scope | undefined {
  const scope: Scope = uid === 0 ? "system" : "user";
  if (scope === "user" && !bus["XDG_RUNTIME_DIR"]) return undefined;
  const limits = { memoryBytes: 64 * 1024 * 1024, processes: 16 };
  // A controller that is not delegated is left out without a word: the group's own files tell.
  const look =
    'g=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup) && test "$(cat "$g/memory.max")" = 67108864 && test "$(cat "$g/pids.max")" = 16';
  const [file = "", ...words] = [...scopeWords(scope, limits, undefined), "/bin/sh", "-c", look];
  const { status } = spawnSync(file, words, { env: { ...TOOLS, ...bus }, timeout: PROBE_MS, stdio: "ignore" });
  return status === 0 ? scope : undefined;
}

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
    ...["systemd-run", ...(scope === "user" ? ["--user"] : []), "--scope", "--quiet", "--collect"],
    ...properties.flatMap((property) => ["-p", property]),
    "--",
    ...(scope === "system" && user
      ? ["setpriv", "--reuid", String(user.uid), "--regid", String(user.gid), "--clear-groups", "--"]
      : []),
  ];
}
