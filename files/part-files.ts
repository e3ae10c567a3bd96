import { createHash, randomBytes } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "./disk-error.ts";

/**
 * Files on their way into a folder lie there as `.rendt-<name>-<content>-<pid>-<random>.part`: which file it becomes, what it will hold, and
 * who writes it. So a fetch that was killed leaves something that a later one can take over, and that nobody takes from a living one.
 */
const PART = /^\.rendt-([0-9a-f]{12})-([0-9a-f]{16})-(\d{1,10})-[0-9a-f]{8}\.part$/;
/** Another process may have got the number of the one that died: what was not touched for so long has no writer. */
const FORSAKEN_MS = 60 * 60_000;

/** What earlier fetches left of files; each folder is looked at once. */
export type PartFiles = {
  /** A name for the bytes of `path`, and under it what an earlier fetch left of just these; what it left of others is removed. */
  take(path: string, sha256: string): Promise<{ path: string; left: boolean }>;
  /** How many bytes of it are here already. */
  leftOf(path: string, sha256: string): Promise<number>;
};

/** Of this process: another fetch of its own may be under way in the same folder. */
const writing = new Set<string>();

/** To be called when nothing is written under this name any more. */
export const endPart = (path: string): void => void writing.delete(path);

export function createPartFiles(): PartFiles {
  const folders = new Map<string, Promise<Map<string, Found[]>>>();
  const leftIn = (folder: string) => {
    const known = folders.get(folder) ?? look(folder);
    folders.set(folder, known);
    return known;
  };

  return {
    async leftOf(target, sha256) {
      const found = (await leftIn(dirname(target))).get(short(basename(target), 12)) ?? [];
      const mine = found.find(({ content }) => content === sha256.slice(0, 16));
      return mine && (await isForsaken(mine)) ? sizeOf(mine.path) : 0;
    },
    async take(target, sha256) {
      const [folder, name, content] = [dirname(target), short(basename(target), 12), sha256.slice(0, 16)];
      const path = join(folder, `.rendt-${name}-${content}-${process.pid}-${randomBytes(4).toString("hex")}.part`);
      writing.add(path);
      let left = false;
      const found = await leftIn(folder);
      const mine = found.get(name) ?? [];
      found.delete(name);
      for (const each of mine) {
        if (!(await isForsaken(each))) continue;
        if (left || each.content !== content) await rm(each.path, { force: true }).catch(() => undefined);
        else left = await takeOver(each.path, path);
      }
      return { path, left };
    },
  };
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0, // gone meanwhile
  );

type Found = { path: string; content: string; pid: number };

async function look(folder: string): Promise<Map<string, Found[]>> {
  const found = new Map<string, Found[]>();
  // In a folder that may not be listed there is nothing to go on with; whether it may be written to shows later.
  for (const entry of await readdir(folder).catch(() => [])) {
    const [, name, content = "", pid] = PART.exec(entry) ?? [];
    if (name === undefined) continue;
    const part = { path: join(folder, entry), content, pid: Number(pid) };
    found.set(name, [...(found.get(name) ?? []), part]);
  }
  return found;
}

async function isForsaken({ path, pid }: Found): Promise<boolean> {
  if (writing.has(path)) return false;
  if (pid === process.pid || !isAlive(pid)) return true;
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > FORSAKEN_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

/** Of two that want it one gets it; what belongs to another user of a shared folder stays his. */
const takeOver = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    () => false,
  );

const short = (text: string, digits: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, digits);
