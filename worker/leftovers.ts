import { readdirSync, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { signalTo } from "./process-tree.ts";

/**
 * Processes that outlive their task: a group kill misses those that called setsid. They are known by a tag in their environment
 * (RENDT_ATTEMPT), or, where a slot has a user of its own, by that user. Without /proc (macOS) none can be found.
 */
export type Mark = { tag: string; uid?: number };

const SWEEPS = 200;
const SWEEP_PAUSE_MS = 10;

/** Whether this system has a /proc to look into. */
export function hasProc(): boolean {
  return newestPid() !== undefined;
}

/**
 * Kills what a task left behind. The newest pid of the system tells cheaply whether anybody was born since the task's own first
 * process: for short tasks there are a few pids to look at, or none.
 */
export async function killLeftovers(mark: Mark, firstPid: number): Promise<void> {
  const newest = newestPid();
  if (newest === undefined || newest === firstPid) return;
  const few = newest > firstPid && newest - firstPid <= 32;
  if (few && !range(firstPid + 1, newest).some((pid) => carries(pid, mark))) return;
  await killMarked(mark);
}

/** Kills all processes that carry the mark, again and again until there is none; answers those that can't be killed. */
export async function killMarked(mark: Mark): Promise<number[]> {
  let found: number[] = [];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    found = await findMarked(mark);
    if (found.length === 0) return [];
    for (const pid of found) signalTo(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, SWEEP_PAUSE_MS));
  }
  return found;
}

export async function findMarked(mark: Mark): Promise<number[]> {
  if (!hasProc()) return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const marked: number[] = [];
  for (const pid of pids) {
    if (carries(pid, mark)) marked.push(pid);
    // A machine with thousands of processes must not hold up a heartbeat.
    if (pid % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return marked;
}

/** Users with a process now. */
export function usersAtWork(): Set<number> {
  const users = new Set<number>();
  if (!hasProc()) return users;
  for (const name of readdirSync("/proc")) if (/^\d+$/.test(name)) users.add(ownerOf(Number(name)) ?? 0);
  return users;
}

function newestPid(): number | undefined {
  try {
    return Number(readFileSync("/proc/loadavg", "latin1").trim().split(" ").at(-1));
  } catch {
    return undefined;
  }
}

const self = process.getuid?.() ?? 0;

function carries(pid: number, mark: Mark): boolean {
  const owner = ownerOf(pid);
  if (owner === undefined || pid === process.pid) return false;
  if (owner !== mark.uid && owner !== self && self !== 0) return false;
  try {
    if (owner === mark.uid) return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
    // Empty for those that are dead and not yet reaped.
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark.tag);
  } catch {
    // Gone in the meantime, or not ours to read and so not ours to kill.
    return false;
  }
}

/** A stat is cheap where a failed read costs an exception. */
function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
