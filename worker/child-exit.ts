import type { ChildProcess } from "node:child_process";
import type { Exit } from "./process.ts";

/** Decides on `exit`: `close` comes only when every descendant has let go of the pipes, which may be never. */
export const exitOf = (child: ChildProcess): Promise<Exit> =>
  new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", (error) => resolve({ error }));
  });
