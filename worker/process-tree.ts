import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";

/** What the processes of a task use now, all together. */
export type TreeUse = {
  pids: number[];
  /** Their sessions, each with one of its processes. */
  sessions: Map<number, number>;
  rssBytes: number;
  cpuMs: number;
};

/** /proc counts in ticks of 10 ms on every system that Node runs on (sysconf _SC_CLK_TCK = 100). */
const TICK_MS = 10;
/** A task with thousands of processes or threads must not hold up a heartbeat. */
const BREATHE_EVERY = 64;

/**
 * These processes and all their descendants, as far as each one's parent still lives: in a PID namespace that is everybody. From the top
 * down, so that children are looked up when their parent has been dealt with.
 */
export async function* walkTrees(roots: readonly number[]): AsyncGenerator<number> {
  let looks = 0;
  const waiting = [...roots];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    yield pid;
    for (const thread of threadsOf(pid)) {
      waiting.push(...childrenOfThread(pid, thread));
      looks += 1;
      if (looks % BREATHE_EVERY === 0) await nextTurn();
    }
  }
}

/** What these processes and all below them use. */
export async function lookAtTrees(roots: readonly number[]): Promise<TreeUse> {
  const use: TreeUse = { pids: [], sessions: new Map(), rssBytes: 0, cpuMs: 0 };
  for await (const pid of walkTrees(roots)) {
    const fields = statOf(pid);
    if (!fields) continue;
    // Fields 6, 14 to 17 and 24 of proc(5); these count from the third.
    const session = Number(fields[3]);
    if (!use.sessions.has(session)) use.sessions.set(session, pid);
    const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number);
    use.pids.push(pid);
    use.cpuMs += (user + system + childrenUser + childrenSystem) * TICK_MS;
    use.rssBytes += Number(fields[21]) * pageBytes();
  }
  return use;
}

/** As the sum of resident sizes, but with pages that processes share counted once; slower, and for our own processes only. */
export async function sharedOutRss(pids: readonly number[]): Promise<number | undefined> {
  let sum = 0;
  for (const pid of pids) {
    // The kernel walks through all of its pages, which takes a while for gigabytes.
    const text = await readFile(`/proc/${pid}/smaps_rollup`, "latin1").catch(() => undefined);
    if (text === undefined) continue;
    const line = /^Pss:\s+(\d+) kB$/m.exec(text);
    // Not ours to read: empty.
    if (!line) return undefined;
    sum += Number(line[1]) * 1024;
  }
  return sum;
}

/** Processor time of all children of a process that have ended, in ms, theirs included. Undefined without /proc. */
export function cpuOfEndedChildren(pid: number | "self"): number | undefined {
  const fields = statOf(pid);
  return fields && (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** Fields from the third on: the second, the program's name, may hold anything, but ends at the last bracket. */
function statOf(pid: number | "self"): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Whether it is there and does nothing until it is told to. */
export const isStopped = (pid: number): boolean => "TtZX".includes(statOf(pid)?.[0] ?? "no /proc");

export const childrenOf = (pid: number): number[] => threadsOf(pid).flatMap((thread) => childrenOfThread(pid, thread));

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Every thread has children of its own. */
function childrenOfThread(pid: number, thread: string): number[] {
  const text = readText(`/proc/${pid}/task/${thread}/children`);
  return text ? text.trim().split(" ").filter(Boolean).map(Number) : [];
}

/** To a process, or to the group of a negative number. */
export function signalTo(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: gone in the meantime; EPERM: only zombies are left of the group (macOS).
  }
}

/** More than a process tells of itself; the children of one may fill it again and again. */
const buffer = Buffer.allocUnsafeSlow(4096);

/** As readFileSync does it, without asking for a size that files in /proc don't have, and into the same memory each time. */
function readText(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    let text = "";
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      text += buffer.toString("latin1", 0, read);
    return text;
  } catch {
    // Gone in the meantime, or no /proc here (macOS).
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const AT_PAGESZ = 6n;
let knownPageBytes: number | undefined;

/** Linux on arm64 may have pages of 16 or 64 KiB; the kernel tells each program in its auxiliary vector. */
function pageBytes(): number {
  if (knownPageBytes !== undefined) return knownPageBytes;
  const vector = readFileSync("/proc/self/auxv");
  for (let at = 0; at + 16 <= vector.length; at += 16)
    if (vector.readBigUInt64LE(at) === AT_PAGESZ) knownPageBytes = Number(vector.readBigUInt64LE(at + 8));
  knownPageBytes ??= 4096;
  return knownPageBytes;
}
