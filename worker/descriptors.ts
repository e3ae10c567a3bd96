import { closeSync, readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC as /proc/PID/fdinfo prints it, in octal. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what this program was started with and knows nothing of: without close-on-exec, every task would inherit it, a shell's own pipe or
 * an open socket for one. For the start of a program of ours only.
 */
export function closeInherited(): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fdinfo");
  } catch {
    // No /proc (macOS), where Node marks all it was started with.
    return [];
  }
  const closed: number[] = [];
  for (const fd of names.map(Number).filter((number) => number > 2)) {
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
      if (flags === undefined || (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0) continue;
      closeSync(fd);
      closed.push(fd);
    } catch {
      // The one that read the folder itself, closed by now.
    }
  }
  return closed;
}
