import { readdirSync, statSync } from "node:fs";

/** Beyond these a Linux console has none that people sit at. */
const CONSOLES = 12;

/**
 * Seconds since something was typed into a terminal: the kernel notes when it is read, within 8 s, and at once after a longer rest. Undefined
 * without terminals. Without waiting: these are not on a disk.
 */
export function terminalIdleSeconds(now: number): number | undefined {
  const paths = [
    ...Array.from({ length: CONSOLES }, (_, at) => `/dev/tty${at + 1}`),
    ...namesIn("/dev/pts").map((name) => `/dev/pts/${name}`),
  ];
  const times = paths.flatMap((path) => statSync(path, { throwIfNoEntry: false })?.atimeMs ?? []);
  // A clock that was set back makes them lie in the future: used now.
  return times.length === 0 ? undefined : Math.max(0, (now - Math.max(...times)) / 1000);
}

const namesIn = (path: string): string[] => {
  try {
    return readdirSync(path).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
};
