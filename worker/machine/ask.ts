import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** What a program printed to both streams, nothing when it took too long; `ok`: it ended with 0. */
export type Said = { text: string; ok: boolean };

/** Undefined when there is no such program. */
export type Ask = (program: string, words: readonly string[]) => Promise<Said | undefined>;

const ASK_MS = 5000;
/** The user `nobody` of Linux systems. */
const NOBODY = { uid: 65534, gid: 65534 };

/** Asks programs in these folders, and never as root: what lies there may not be root's. */
export function createAsk(folders: readonly string[]): Ask {
  const options = {
    timeout: ASK_MS,
    killSignal: "SIGKILL",
    maxBuffer: 1024 * 1024,
    cwd: "/",
    env: { PATH: folders.join(":") },
    ...(process.getuid?.() === 0 && NOBODY),
  } as const;
  return (program, words) =>
    new Promise((resolve) => {
      const path = folders.map((folder) => join(folder, program)).find(isExecutable);
      if (path === undefined) return resolve(undefined);
      execFile(path, words, options, (error, out, errors) =>
        resolve({ text: error?.killed ? "" : `${out}${errors}`, ok: error === null }),
      );
    });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
