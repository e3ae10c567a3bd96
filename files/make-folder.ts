import { mkdirSync, statSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "./disk-error.ts";

// Node's own `recursive` never returns where nothing can be made below a folder that is there, as in /proc (Node 20).

/** Makes a folder and those above it; one that is there is left as it is. */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const make = () =>
    mkdir(path, mode).catch(async (error) => {
      if (errnoOf(error) !== "EEXIST" || !(await stat(path)).isDirectory()) throw error;
    });
  try {
    await make();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolder(dirname(path), mode);
    await make();
  }
}

/** The same for programs that have nothing else to do. */
export function makeFolderSync(path: string, mode?: number): void {
  const make = () => {
    try {
      mkdirSync(path, mode);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST" || !statSync(path).isDirectory()) throw error;
    }
  };
  try {
    make();
  } catch (error) {
    if (errnoOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    makeFolderSync(dirname(path), mode);
    make();
  }
}
