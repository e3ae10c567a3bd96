import { type Dir, readdirSync, readlinkSync, statSync } from "node:fs";
import { lstat, opendir, statfs } from "node:fs/promises";
import { join } from "node:path";

export type DiskUse = { bytes: number; files: number };

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
): Promise<DiskUse> {
  const use = deletedButOpen(pids);
  const enough = () =>
    use.bytes > (most.bytes ?? Number.POSITIVE_INFINITY) || use.files > (most.files ?? Number.POSITIVE_INFINITY);
  const waiting = [...folders];
  for (let folder = waiting.pop(); folder !== undefined && !enough(); folder = waiting.pop()) {
    let entries: Dir;
    try {
      entries = await opendir(folder);
    } catch {
      // Removed meanwhile, too deep a path, or closed to us by the job; what fills it still shows as lost room.
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
