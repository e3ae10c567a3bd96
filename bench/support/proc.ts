import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Reads what Linux tells of a process; other systems have no /proc. */
const field = (pid: number, name: string): number => {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!line) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(line[1]) * 1024;
};

export const MIB = 1024 * 1024;

/** Memory in use now. */
export const rssBytes = (pid: number): number => field(pid, "VmRSS");
/** The most memory that it ever had in use. */
export const peakRssBytes = (pid: number): number => field(pid, "VmHWM");

/** Linux counts in ticks of 10 ms on every system that Node runs on (sysconf _SC_CLK_TCK = 100). */
const TICKS_PER_SECOND = 100;

/** Time on the processor so far, in seconds, user and system: of all its threads, and of its ended children. */
export function cpuSeconds(pid: number): { own: number; children: number } {
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = statOf(pid).slice(11, 15).map(Number);
  return { own: (user + system) / TICKS_PER_SECOND, children: (childrenUser + childrenSystem) / TICKS_PER_SECOND };
}

/** The same of a process and of all that live below it. */
export function cpuSecondsOfTree(pid: number): { own: number; children: number } {
  const { own, children } = cpuSeconds(pid);
  const sum = descendantsOf(pid).reduce((all, below) => {
    try {
      const used = cpuSeconds(below);
      return all + used.own + used.children;
    } catch {
      // Gone in the meantime: its parent counts it.
      return all;
    }
  }, children);
  return { own, children: sum };
}

export const descendantsOf = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

export const childrenOf = (pid: number): number[] =>
  allProcesses().filter((other) => {
    try {
      return Number(statOf(other)[1]) === pid;
    } catch {
      return false;
    }
  });

/** Fields from the third on: the second, the program's name, may hold anything, but ends at the last bracket. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Processes in whose environment or arguments this text stands, zombies aside. */
export function processesNaming(text: string): number[] {
  return allProcesses().filter((pid) => {
    try {
      const told = ["environ", "cmdline"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8"));
      return told.some((part) => part.includes(text)) && statOf(pid)[0] !== "Z";
    } catch {
      return false;
    }
  });
}

/** Processes that hold a file of this folder open, also one whose name is gone. */
export function processesHolding(folder: string): number[] {
  return allProcesses().filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) =>
        readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`),
      );
    } catch {
      return false;
    }
  });
}

export const allProcesses = (): number[] => readdirSync("/proc").map(Number).filter(Number.isInteger);
