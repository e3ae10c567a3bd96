import { lstatSync, realpathSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { INSIDE, SYSTEM_FOLDERS } from "./bubblewrap.ts";
import type { Run } from "./port.ts";

/**
 * Where on this machine lies what a run calls `path`; undefined where it sees nothing. The worker may read more than a strict task: what it
 * says of a path must not tell a stranger what is there, so links in the task's own folders, which may be the job's, are not followed.
 */
export function placeOf({ level, folder }: Pick<Run, "level" | "folder">, path: string): string | undefined {
  if (level !== "strict") return realOf(resolve(folder.work, path));
  // By the letters alone: a `..` behind a folder that is not there must lead to no other answer.
  const seen = resolve(INSIDE.work, path);
  for (const name of ["work", "home", "tmp"] as const) {
    const rest = below(INSIDE[name], seen);
    if (rest !== undefined) return upToLink(folder[name], rest);
  }
  if (!isOfSystem(seen)) return undefined;
  const real = realOf(seen);
  return real !== undefined && isOfSystem(real) ? real : undefined;
}

const isOfSystem = (path: string): boolean => SYSTEM_FOLDERS.some((folder) => below(folder, path) !== undefined);

/** The rest of a path behind a folder, empty for the folder itself. */
function below(folder: string, path: string): string | undefined {
  const rest = relative(folder, path);
  return rest === ".." || rest.startsWith("../") ? undefined : rest;
}

function upToLink(folder: string, rest: string): string {
  let path = folder;
  for (const name of rest.split("/")) {
    path = join(path, name);
    if (isLink(path)) break;
  }
  return path;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    // Below a file, or a name too long.
    return false;
  }
}

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // Nothing there, below a file, a loop of links, or a name too long.
    return undefined;
  }
}
