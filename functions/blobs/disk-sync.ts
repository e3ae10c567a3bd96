import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Whether a file system call failed with one of these codes. */
export const failedWith = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && "code" in error && codes.includes(String(error.code));

/** Makes the names in a folder durable: a file is found after a power cut only if its folder was synced too. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes folders below `root` durably; callers that need the same new folder all wait for its sync. */
export function createFolderMaker(root: string): (path: string) => Promise<void> {
  const underway = new Map<string, Promise<void>>();
  const ensure = (path: string): Promise<void> => {
    if (path === root) return Promise.resolve();
    const known = underway.get(path);
    if (known !== undefined) return known;
    const made = make(path).finally(() => underway.delete(path));
    underway.set(path, made);
    return made;
  };
  const make = async (path: string) => {
    await ensure(dirname(path));
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (failedWith(error, "EEXIST")) return;
      throw error;
    }
    await syncFolder(dirname(path));
  };
  return ensure;
}

/** Removes what is at `path`, and answers how many bytes that freed: a file with another name left frees none. */
export async function removeTree(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    if (!found.isDirectory()) {
      await unlink(path);
      return found.nlink > 1 ? 0 : found.size;
    }
    let freed = 0;
    for (const name of await readdir(path)) freed += await removeTree(join(path, name));
    // Somebody may have put a new object in meanwhile: it stays.
    await rmdir(path).catch(ignore("ENOTEMPTY", "ENOENT"));
    return freed;
  } catch (error) {
    if (failedWith(error, "ENOENT")) return 0;
    throw error;
  }
}

/** Bytes of all files below `path`; one with several names counts once in all. */
export async function countTree(path: string): Promise<number> {
  const found = await lstat(path).catch(ignore("ENOENT"));
  if (!found) return 0;
  if (!found.isDirectory()) return found.size / found.nlink;
  let bytes = 0;
  for (const name of (await readdir(path).catch(ignore("ENOENT"))) ?? []) bytes += await countTree(join(path, name));
  return bytes;
}

export const ignore =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (!failedWith(error, ...codes)) throw error;
  };
