import { type Dir, readlinkSync, statSync } from "node:fs";
import { lstat, opendir, readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

export type DiskUse = { bytes: number; files: number };
/** `blind`: not everything could be looked into, so that there may be more. */
export type Found = DiskUse & { blind: boolean };

/** How much room a file system has left. */
export async function roomAt(path: string): Promise<DiskUse> {
  const { bavail, bsize, ffree } = await statfs(path);
  return { bytes: bavail * bsize, files: ffree };
}

/**
 * What lies in these folders, and what the processes still hold open after deleting it. Stops looking once either bound is passed: a
 * full look at 200,000 files takes seconds.
 */
export async function diskUse(
  folders: readonly string[],
  pids: readonly number[],
  most: Partial<DiskUse>,
): Promise<Found> {
  const use = await deletedButOpen(pids);
  const enough = () =>
    use.bytes > (most.bytes ?? Number.POSITIVE_INFINITY) || use.files > (most.files ?? Number.POSITIVE_INFINITY);
  const waiting = [...folders];
  for (let folder = waiting.pop(); folder !== undefined && !enough(); folder = waiting.pop()) {
    const entries = await openFolder(folder);
    if (!entries) {
      use.blind = true;
      continue;
    }
    for await (const paths of batches(folder, entries)) {
      for (const { path, stats } of await Promise.all(paths.map(look))) {
        if (!stats) continue;
        use.files += 1;
        use.bytes += stats.blocks * 512;
        if (stats.isDirectory()) waiting.push(path);
      }
      if (enough()) break;
    }
  }
  return use;
}

/** Enough to keep the threads of Node busy: more than twice as fast as one by one. */
const BATCH = 64;

async function* batches(folder: string, entries: Dir): AsyncGenerator<string[]> {
  const paths: string[] = [];
  for await (const { name } of entries) {
    paths.push(join(folder, name));
    if (paths.length === BATCH) yield paths.splice(0);
  }
  yield paths;
}

/** Nothing of what was removed meanwhile. */
const look = async (path: string) => ({ path, stats: await lstat(path).catch(() => undefined) });

/**
 * Nothing for a folder that was removed meanwhile, lies too deep, or that the job closed to itself and so to a worker of the same user.
 * Opening it up by its path would let a link put in its place change a folder of the owner's.
 */
const openFolder = (path: string): Promise<Dir | undefined> =>
  opendir(path, { bufferSize: BATCH }).catch(() => undefined);

/** A task can have millions, which would take longer than the worker may be kept from its leases, and from looking at memory. */
const MOST_DESCRIPTORS = 20_000;
const BREATHE_EVERY = 500;

/** Files without a name, which no look at folders finds. Those that two processes hold count once. */
async function deletedButOpen(pids: readonly number[]): Promise<Found> {
  const seen = new Set<string>();
  const use: Found = { bytes: 0, files: 0, blind: false };
  let looked = 0;
  for (const pid of pids) {
    for (const fd of await descriptorsOf(pid)) {
      if (looked === MOST_DESCRIPTORS) return { ...use, blind: true };
      looked += 1;
      if (looked % BREATHE_EVERY === 0) await nextTurn();
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

/** None of one that is gone, or not ours to look into. */
const descriptorsOf = (pid: number): Promise<string[]> => readdir(`/proc/${pid}/fd`).catch(() => []);
