import { type Dir, readdirSync, readlinkSync, statSync } from "node:fs";
import { lstat, opendir, statfs } from "node:fs/promises";
import { join } from "node:path";

export type DiskUse = { bytes: number; files: number };
/** `blind`: some folder could not be looked into, so that there may be more. */
export type Found = DiskUse & { blind: boolean };

/** How much room a file system has left. */
export async function roomAt(path: string): Promise<DiskUse> {
  const { bavail, bsize, ffree } = await statfs(path);
  return { bytes: bavail * bsize, files: ffree };
}

/**
 * What lies in these folders, and what the processes still hold open after deleting it. Stops looking once either bound is passed: a
 * full look at 200,000 files takes half a second.
 */
export async function diskUse(
  folders: readonly string[],
  pids: readonly number[],
  most: Partial<DiskUse>,
): Promise<Found> {
  const use: Found = { ...deletedButOpen(pids), blind: false };
  const enough = () =>
    use.bytes > (most.bytes ?? Number.POSITIVE_INFINITY) || use.files > (most.files ?? Number.POSITIVE_INFINITY);
  const waiting = [...folders];
  for (let folder = waiting.pop(); folder !== undefined && !enough(); folder = waiting.pop()) {
    const entries = await openFolder(folder);
    if (!entries) {
      use.blind = true;
      continue;
    }
    for await (const entry of entries) {
      const path = join(folder, entry.name);
      const stats = await lstat(path).catch(() => undefined);
      if (!stats) continue;
      use.files += 1;
      use.bytes += stats.blocks * 512;
      if (stats.isDirectory()) waiting.push(path);
      if (enough()) break;
    }
  }
  return use;
}

/**
 * Nothing for a folder that was removed meanwhile, lies too deep, or that the job closed to itself and so to a worker of the same user.
 * Opening it up by its path would let a link put in its place change a folder of the owner's.
 */
const openFolder = (path: string): Promise<Dir | undefined> => opendir(path).catch(() => undefined);

/** Files without a name, which no look at folders finds. Those that two processes hold count once. */
function deletedButOpen(pids: readonly number[]): DiskUse {
  const seen = new Set<string>();
  const use = { bytes: 0, files: 0 };
  for (const pid of pids) {
    for (const fd of descriptorsOf(pid)) {
      const path = `/proc/${pid}/fd/${fd}`;
      try {
        if (!readlinkSync(path).endsWith(" (deleted)")) continue;
        const { dev, ino, blocks } = statSync(path);
        const id = `${dev}:${ino}`;
        if (seen.has(id)) continue;
        seen.add(id);
        use.bytes += blocks * 512;
        use.files += 1;
      } catch {
        // Closed meanwhile.
      }
    }
  }
  return use;
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    // Gone, or not ours to look into.
    return [];
  }
}
