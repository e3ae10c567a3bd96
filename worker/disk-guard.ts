import { type DiskUse, diskUse, roomAt } from "./disk-use.ts";
import type { Used } from "./look-pause.ts";
import type { TreeUse } from "./process-tree.ts";
import type { Limits } from "./sandbox/limits.ts";
import type { TaskFolder } from "./sandbox/port.ts";
import { sayBytes } from "./say.ts";

/** A full look at the folders even when the file system has lost nothing, as somebody else may have freed as much. */
const FULL_LOOK_MS = 2000;
/** The same while the task does nothing at all; file systems that write late tell of it by then. */
const STILL_LOOK_MS = 30_000;
/** Such a look takes no more than this part of the time, as 200,000 files are seconds of work; more of it where others may have freed what the task took. */
const FULL_LOOK_SHARE = { usual: 1 / 50, doubtful: 1 / 10 };

/** The most bytes seen, and the limit that was passed, if so. */
export type DiskLook = { most: number; reason?: string };

/** What a look through the folders found, at what room, what the task's processes had done by then, and how long it took. */
type FullLook = { use: DiskUse; room: DiskUse; tree: Pick<TreeUse, "pids" | "cpuMs">; tookMs: number; endedAt: number };

/**
 * The file system's room is asked each time, which is cheap; the folders are looked through when it shrank by half of what the task had
 * left at the last such look, or after a while. Nobody waits for that: while one look is under way there is no other, and memory is
 * looked at meanwhile. `tell` hears at once what may be in use by what the room shows.
 */
export function createDiskGuard(folder: TaskFolder, { diskBytes, files }: Limits, tell: (used: Used) => void) {
  const folders = [folder.work, folder.home, folder.tmp];
  const limit = { bytes: diskBytes ?? Number.POSITIVE_INFINITY, files: files ?? Number.POSITIVE_INFINITY };
  let first: DiskUse | undefined;
  let last: FullLook | undefined;
  let lately: DiskUse | undefined;
  /** All that was taken since the last look through the folders, whatever was freed meanwhile. */
  let taken: DiskUse = { bytes: 0, files: 0 };
  let most = 0;
  let looking: Promise<DiskLook> | undefined;

  async function glance(): Promise<DiskUse> {
    const room = await roomAt(folder.work);
    const more = lost(lately ?? room, room);
    lately = room;
    taken = { bytes: taken.bytes + more.bytes, files: taken.files + more.files };
    tell({ diskBytes: (last?.use.bytes ?? 0) + taken.bytes, files: (last?.use.files ?? 0) + taken.files });
    return room;
  }

  /** More than half of what the task had left. */
  function isMuch({ bytes, files }: DiskUse, { use }: FullLook): boolean {
    return bytes > (limit.bytes - use.bytes) / 2 || files > (limit.files - use.files) / 2;
  }

  function isDue(room: DiskUse, tree: TreeUse, now: number): boolean {
    if (!last || isMuch(lost(last.room, room), last)) return true;
    const rested = now - last.endedAt;
    if (isMuch(taken, last)) return rested > last.tookMs / FULL_LOOK_SHARE.doubtful;
    const usual = Math.max(FULL_LOOK_MS, last.tookMs / FULL_LOOK_SHARE.usual);
    return rested > usual && (rested > usual + STILL_LOOK_MS || !isStill(tree, last.tree));
  }

  async function look(tree: TreeUse): Promise<DiskLook> {
    const room = await glance();
    first ??= room;
    const began = performance.now();
    if (!isDue(room, tree, began)) return { most };
    taken = { bytes: 0, files: 0 };
    const found = await diskUse(folders, tree.pids, {
      ...(diskBytes !== undefined && { bytes: diskBytes }),
      ...(files !== undefined && { files }),
    });
    most = Math.max(most, found.bytes);
    // What lies where nobody can look still shows as lost room.
    const bytes = found.blind ? Math.max(found.bytes, first.bytes - room.bytes) : found.bytes;
    if (bytes > limit.bytes) return { most, reason: `killed: disk ${sayBytes(limit.bytes)}` };
    if (found.files > limit.files) return { most, reason: `killed: ${limit.files} files` };
    const endedAt = performance.now();
    last = { use: { bytes, files: found.files }, room, tree, tookMs: endedAt - began, endedAt };
    // It may have taken seconds.
    await glance();
    return { most };
  }

  return {
    look(tree: TreeUse): Promise<DiskLook> {
      looking ??= look(tree).finally(() => {
        looking = undefined;
      });
      return looking;
    },
  };
}

const lost = (before: DiskUse, now: DiskUse): DiskUse => ({
  bytes: Math.max(0, before.bytes - now.bytes),
  files: Math.max(0, before.files - now.files),
});

/** The same processes, and not a tick on a processor. */
const isStill = (now: FullLook["tree"], then: FullLook["tree"]): boolean =>
  now.cpuMs === then.cpuMs && now.pids.join() === then.pids.join();
