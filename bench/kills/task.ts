import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Level, Run, Sandbox, Slot, TaskFolder } from "../../worker/sandbox/port.ts";

/** Deaf to TERM; with a child that left session and environment, a daemon of that, and one that forks on and on. */
export const family = (marker: string): string[] => {
  const lonely = `setsid env -i sh -c 'sleep 50; : ${marker}'`;
  const restless = `while :; do sh -c ': ${marker}'; done`;
  return ["sh", "-c", `trap '' TERM; ${lonely} & ( ${lonely} & ) ; sh -c '${restless}' & sleep 50; : ${marker}`];
};

/** A folder for the tasks of one slot. */
export function makeFolder({ taskRoot }: Sandbox, { number, user }: Slot): TaskFolder {
  const root = join(taskRoot, `task-${number}`);
  const folder = { root, work: join(root, "work"), home: join(root, "home"), tmp: join(root, "tmp") };
  for (const path of Object.values(folder)) {
    mkdirSync(path, { recursive: true, mode: path === root ? 0o711 : 0o700 });
    if (user && path !== root) chownSync(path, user.uid, user.gid);
  }
  return folder;
}

type Task = { command: readonly string[]; folder: TaskFolder; level: Level; tag: string };

export const runOf = ({ command, folder, level, tag }: Task): Run => ({
  command,
  folder,
  level,
  limits: {},
  env: { PATH: "/usr/bin:/bin", RENDT_ATTEMPT: tag },
  output: () => undefined,
});
