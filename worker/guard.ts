import { messageOf } from "../contract/errors.ts";
import { type DiskUse, diskUse, roomAt } from "./disk-use.ts";
import { lowerSessions, NICE } from "./priority.ts";
import { lookAtTrees, sharedOutRss, type TreeUse } from "./process-tree.ts";
import { type Limits, sayBytes, sayTime } from "./sandbox/limits.ts";
import type { Level, TaskFolder } from "./sandbox/port.ts";

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
/** Half a gigabyte of memory is touched in this time. */
const LIMITED_LOOK_MS = 100;
const PLAIN_LOOK_MS = 1000;
/** Where a session could not yet be put behind others. */
const AGAIN_MS = 60;
/** A full look at the folders even when the file system has lost nothing, as somebody else may have freed as much. */
const FULL_LOOK_MS = 2000;
/** Such a look takes no more than this part of the time: 200,000 files are seconds of work. */
const FULL_LOOK_SHARE = 1 / 10;

/** Looks at a running task at intervals: what it uses, whether that is more than it may, and whether it stands behind others. Needs /proc. */
export function startGuard({ roots, folder, level, limits, hit }: Post): Guard {
  const seen: Seen = {};
  const longest = isPolled(limits) ? LIMITED_LOOK_MS : PLAIN_LOOK_MS;
  const disk =
    limits.diskBytes === undefined && limits.files === undefined ? undefined : createDiskGuard(folder, limits);
  let closed = false;
  let pause = FIRST_LOOK_MS;
  let isBehind = true;
  let timer = setTimeout(look, pause);

  function look(): void {
    lookNow()
      .then((reason) => {
        if (closed) return;
        if (reason !== undefined) return hit(reason);
        // Not in step with the guards of other tasks, of which one at a time has its way.
        pause = isBehind ? Math.min(longest, pause * 2) : AGAIN_MS * (1 + Math.random());
        timer = setTimeout(look, pause);
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
    // What is only being made into a sandbox is still in the session of its slot.
    if (level === "none" || now.some((root) => tree.sessions.has(root)))
      isBehind = lowerSessions(tree.sessions.values(), NICE[level]);
    seen.cpuMs = Math.max(seen.cpuMs ?? 0, tree.cpuMs);
    const reason = (await tooMuchMemory(tree, limits)) ?? tooMuchElse(tree, limits);
    seen.maxRssBytes = Math.max(seen.maxRssBytes ?? 0, tree.rssBytes);
    if (reason === undefined) void disk?.look(tree.pids).then(heed, stopUnseen);
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

const isPolled = ({ memoryBytes, diskBytes, files, cpuMs, processes }: Limits): boolean =>
  [memoryBytes, diskBytes, files, cpuMs, processes].some((limit) => limit !== undefined);

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

/** The most bytes seen, and the limit that was passed, if so. */
type DiskLook = { most: number; reason?: string };

/**
 * The file system's room is asked each time, which is cheap; the folders are looked through when it shrank by enough to matter. Nobody
 * waits for that: while one look is under way there is no other, and memory is looked at meanwhile.
 */
function createDiskGuard(folder: TaskFolder, { diskBytes, files }: Limits) {
  const folders = [folder.work, folder.home, folder.tmp];
  let first: DiskUse | undefined;
  let most = 0;
  let nextFullAt = 0;
  let looking: Promise<DiskLook> | undefined;

  async function look(pids: readonly number[]): Promise<DiskLook> {
    const room = await roomAt(folder.work);
    first ??= room;
    const lost = { bytes: first.bytes - room.bytes, files: first.files - room.files };
    const shrank =
      lost.bytes > (diskBytes ?? Number.POSITIVE_INFINITY) / 2 || lost.files > (files ?? Number.POSITIVE_INFINITY) / 2;
    const began = performance.now();
    if (!shrank && began < nextFullAt) return { most };
    const use = await diskUse(folders, pids, {
      ...(diskBytes !== undefined && { bytes: diskBytes }),
      ...(files !== undefined && { files }),
    });
    const ended = performance.now();
    nextFullAt = ended + Math.max(FULL_LOOK_MS, (ended - began) / FULL_LOOK_SHARE);
    most = Math.max(most, use.bytes);
    // What lies where nobody can look still shows as lost room.
    const bytes = use.blind ? Math.max(use.bytes, lost.bytes) : use.bytes;
    if (diskBytes !== undefined && bytes > diskBytes) return { most, reason: `killed: disk ${sayBytes(diskBytes)}` };
    if (files !== undefined && use.files > files) return { most, reason: `killed: ${files} files` };
    return { most };
  }

  return {
    look(pids: readonly number[]): Promise<DiskLook> {
      looking ??= look(pids).finally(() => {
        looking = undefined;
      });
      return looking;
    },
  };
}
