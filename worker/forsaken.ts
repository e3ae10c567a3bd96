import { lstatSync, readdirSync, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { workerId } from "../contract/worker.ts";
import { takeLock } from "./folder-lock.ts";
import { OFFER_MS } from "./outbox.ts";
import { removeTree } from "./task-folders.ts";

/** Where root workers whose state folder is closed to the users of their slots have their tasks (sandbox/task-root.ts). */
const PLACE = "/var/tmp";
const PREFIX = "rendt-";
const LOCK = ".lock";

/** Marks such a folder as in use while its worker lives; others are in their worker's state folder, which has a lock. */
export function lockTaskRoot(root: string): () => void {
  if (!root.startsWith(join(PLACE, PREFIX))) return () => undefined;
  const unlock = takeLock(join(root, LOCK));
  if (!unlock)
    throw new RendtError("worker_refused", `${root} is in use by another worker, or just being removed: start again`);
  return unlock;
}

/**
 * Removes what killed workers that never came again left there: no lock of a living one, and untouched for as long as they would have
 * offered a result. A root worker does so at its start.
 */
export async function removeForsaken(notice: (text: string) => void, now: number): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const name of readdirSync(PLACE)) {
    if (!name.startsWith(PREFIX) || !workerId.safeParse(name.slice(PREFIX.length)).success) continue;
    const folder = join(PLACE, name);
    // Everybody may make a folder of that name there.
    const stats = lstatSync(folder, { throwIfNoEntry: false });
    if (!stats?.isDirectory() || stats.uid !== 0 || now - (await lastTouched(folder, stats)) < OFFER_MS) continue;
    if (!takeLock(join(folder, LOCK))) continue;
    await removeTree(folder);
    notice(`removed ${folder}, which a worker left that was killed and never started again`);
  }
}

/** When something was begun or written there last, as its tasks' folders tell. */
async function lastTouched(folder: string, { mtimeMs }: Stats): Promise<number> {
  const tasks = (await readdir(folder)).flatMap((name) => [join(folder, name), join(folder, name, "work")]);
  const times = await Promise.all(
    tasks.map((path) =>
      lstat(path).then(
        (stats) => stats.mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(mtimeMs, ...times);
}
