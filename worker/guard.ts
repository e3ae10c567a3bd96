import { availableParallelism } from "node:os";
import { messageOf } from "../contract/errors.ts";
import { createDiskGuard, type DiskLook } from "./disk-guard.ts";
import { LONGEST_MS, pauseBefore, type Used } from "./look-pause.ts";
import { lowerSessions, NICE } from "./priority.ts";
import { lookAtTrees, sharedOutRss, type TreeUse } from "./process-tree.ts";
import type { Limits } from "./sandbox/limits.ts";
import type { Level, TaskFolder } from "./sandbox/port.ts";
import { sayBytes, sayTime } from "./say.ts";

/** What a task used at most, as far as it was seen. */
export type Seen = { maxRssBytes?: number; cpuMs?: number; diskBytes?: number };

export type Guard = { readonly seen: Seen; close(): void };

type Post = {
  /** Processes of the task, once some are known; all others are below them. */
  roots: () => readonly number[];
  folder: TaskFolder;
  level: Level;
  limits: Limits;
  /** Called once, with the limit in plain words. */
  hit: (reason: string) => void;
};

/** Shorter tasks are not looked at. */
const FIRST_LOOK_MS = 5;
/** Whoever makes a new session may make more. */
const SESSIONS_LOOK_MS = 100;
/** The rarest looks come at whole seconds: a machine at rest is woken once for all tasks. A timer may be early. */
const EARLY_MS = 5;
/** Where a session could not yet be put behind others. */
const AGAIN_MS = 60;
const cores = availableParallelism();

/** Looks at a running task at intervals: what it uses, whether that is more than it may, and whether it stands behind others. Needs /proc. */
export function startGuard({ roots, folder, level, limits, hit }: Post): Guard {
  const seen: Seen = {};
  const used: Used = {};
  const disk =
    limits.diskBytes === undefined && limits.files === undefined
      ? undefined
      : createDiskGuard(folder, limits, (now) => {
          Object.assign(used, now);
          if (timer && !closed) rest();
        });
  let closed = false;
  let pause = FIRST_LOOK_MS;
  let isBehind = true;
  let sessions: TreeUse["sessions"] = new Map();
  let lookedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  rest();

  function rest(): void {
    clearTimeout(timer);
    timer = setTimeout(look, Math.ceil(nextLook() - performance.now()));
  }

  function nextLook(): number {
    // Not in step with the guards of other tasks, of which one at a time has its way.
    if (!isBehind) return lookedAt + AGAIN_MS * (1 + Math.random());
    const most = Math.min(pause, pauseBefore({ limits, level, used, cores }));
    return most < LONGEST_MS ? lookedAt + most : Math.floor((lookedAt + most + EARLY_MS) / most) * most;
  }

  function look(): void {
    timer = undefined;
    lookNow()
      .then((reason) => {
        if (closed) return;
        if (reason !== undefined) return hit(reason);
        pause = Math.min(LONGEST_MS, pause * 2);
        lookedAt = performance.now();
        rest();
      })
      .catch(stopUnseen);
  }

  /** A guard that can't see must not let pass. */
  function stopUnseen(error: unknown): void {
    if (!closed) hit(`this worker can't watch the task: ${messageOf(error)}`);
  }

  async function lookNow(): Promise<string | undefined> {
    const now = roots();
    const tree = await lookAtTrees(now);
    if ([...tree.sessions.keys()].some((session) => !sessions.has(session)))
      pause = Math.min(pause, SESSIONS_LOOK_MS / 2);
    sessions = tree.sessions;
    // What is only being made into a sandbox is still in the session of its slot.
    if (level === "none" || now.some((root) => tree.sessions.has(root)))
      isBehind = lowerSessions(tree.sessions.values(), NICE[level]);
    seen.cpuMs = Math.max(seen.cpuMs ?? 0, tree.cpuMs);
    const reason = (await tooMuchMemory(tree, limits)) ?? tooMuchElse(tree, limits);
    seen.maxRssBytes = Math.max(seen.maxRssBytes ?? 0, tree.rssBytes);
    Object.assign(used, { memoryBytes: tree.rssBytes, cpuMs: tree.cpuMs, processes: tree.pids.length });
    if (reason === undefined) void disk?.look(tree).then(heed, stopUnseen);
    return reason;
  }

  function heed({ most, reason }: DiskLook): void {
    if (closed) return;
    seen.diskBytes = most;
    if (reason !== undefined) hit(reason);
  }

  return {
    seen,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** The sum of resident sizes counts shared pages twice: only what is still too much when shared out is. */
async function tooMuchMemory(tree: TreeUse, { memoryBytes }: Limits): Promise<string | undefined> {
  if (memoryBytes === undefined || tree.rssBytes <= memoryBytes) return undefined;
  const shared = await sharedOutRss(tree.pids);
  if (shared !== undefined) tree.rssBytes = shared;
  return tree.rssBytes > memoryBytes ? `killed: memory ${sayBytes(memoryBytes)}` : undefined;
}

function tooMuchElse(tree: TreeUse, { cpuMs, processes }: Limits): string | undefined {
  if (cpuMs !== undefined && tree.cpuMs > cpuMs) return sayCpu(cpuMs);
  if (processes !== undefined && tree.pids.length > processes) return `killed: ${processes} processes`;
  return undefined;
}

export const sayCpu = (cpuMs: number): string => `killed: processor time ${sayTime(cpuMs)}`;
