import { spawn } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../contract/errors.ts";
import type { Slot, TaskFolder } from "./sandbox/port.ts";

export type TaskFolders = {
  /** A folder with nothing in it, owned by the slot's user. */
  take(slot: Slot): TaskFolder;
  /** Gives a folder back: an untouched one serves the next task, any other is removed in the background. */
  giveBack(slot: Slot, folder: TaskFolder): void;
  remove(root: string): Promise<void>;
  /** Waits for all removals. */
  close(): Promise<void>;
};

/** The folders of tasks below one root, named by this worker's life so that a restart can't meet old ones. */
export function createTaskFolders(root: string, life: string, onProblem: (text: string) => void): TaskFolders {
  const spare = new Map<number, TaskFolder>();
  const removals = new Set<Promise<void>>();
  let made = 0;

  const remove = (path: string): Promise<void> => {
    const removal = removeTree(path)
      .catch((error) => onProblem(`can't remove ${path}: ${messageOf(error)}`))
      .finally(() => removals.delete(removal));
    removals.add(removal);
    return removal;
  };

  return {
    remove,
    take(slot) {
      const kept = spare.get(slot.number);
      spare.delete(slot.number);
      return kept ?? make(join(root, `${life}-${made++}`), slot);
    },
    giveBack(slot, folder) {
      if (!spare.has(slot.number) && isUntouched(folder)) spare.set(slot.number, folder);
      else void remove(folder.root);
    },
    async close() {
      for (const folder of spare.values()) void remove(folder.root);
      spare.clear();
      await Promise.all(removals);
    },
  };
}

const FOLDER_MODE = 0o700;

function make(path: string, { user }: Slot): TaskFolder {
  const folder = { root: path, work: join(path, "work"), home: join(path, "home"), tmp: join(path, "tmp") };
  mkdirSync(path, { mode: 0o711 });
  for (const part of [folder.work, folder.home, folder.tmp]) {
    mkdirSync(part, { mode: FOLDER_MODE });
    if (user) chownSync(part, user.uid, user.gid);
  }
  // The umask may have closed it to the slot's user.
  if (user) chmodSync(path, 0o711);
  return folder;
}

/** Most tiny tasks write nothing: looking costs a tenth of making three new folders. */
function isUntouched({ work, home, tmp }: TaskFolder): boolean {
  try {
    return [work, home, tmp].every((path) => {
      const stats = lstatSync(path);
      return stats.isDirectory() && (stats.mode & 0o7777) === FOLDER_MODE && readdirSync(path).length === 0;
    });
  } catch {
    return false;
  }
}

/** Removes a tree whatever the job made of it: fs.rm fails on folders without permissions and on very deep trees. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await runQuietly("chmod", ["-R", "u+rwX", "--", path]);
    await runQuietly("rm", ["-rf", "--", path]);
    if (lstatSync(path, { throwIfNoEntry: false })) throw new Error("neither this program nor rm can remove it");
  }
}

function runQuietly(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("exit", () => resolve());
  });
}
