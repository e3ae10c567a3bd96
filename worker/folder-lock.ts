import { existsSync, linkSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../files/disk-error.ts";
import { makeFolderSync } from "../files/make-folder.ts";

/**
 * Takes the lock `path`, or answers undefined while a living process holds it. A lock is a file `<path>.<n>` that names its holder;
 * a dead holder's lock is not removed but outbid with n + 1, because only the making of a file is exclusive, never its removal.
 */
export function takeLock(path: string): (() => void) | undefined {
  makeFolderSync(dirname(path), 0o711);
  const found = bids(path);
  if (found.some(({ file }) => isAlive(file))) return undefined;
  const mine = `${path}.${(found.at(-1)?.number ?? 0) + 1}`;
  if (!place(mine)) return undefined;
  // Somebody who found the folder empty may have begun again at 1 in the meantime: both step back.
  const others = bids(path).filter(({ file }) => file !== mine);
  if (others.some(({ file }) => isAlive(file))) {
    unlinkSync(mine);
    return undefined;
  }
  for (const { file } of others) remove(file);
  return () => remove(mine);
}

/** Waits until nobody holds the lock, or for so long. */
export async function untilFree(path: string, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (isHeld(path) && performance.now() < end) await sleep(50);
}

export const isHeld = (path: string): boolean =>
  existsSync(dirname(path)) && bids(path).some(({ file }) => isAlive(file));

function bids(path: string): { file: string; number: number }[] {
  const start = `${basename(path)}.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
    .map((name) => ({ file: join(dirname(path), name), number: Number(name.slice(start.length)) }))
    .sort((a, b) => a.number - b.number);
}

/** A link appears with its content; a file would be seen empty first. */
function place(path: string): boolean {
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function isAlive(path: string): boolean {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, "utf8"));
    process.kill(pid, 0);
    return startOf(pid) === started;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else. All else: no such process, no such file, or no lock of ours.
    return errnoOf(error) === "EPERM";
  }
}

/**
 * When a process was started, in ticks since boot: a number is used again, this pair is not. Empty without /proc; one that is dead and not
 * yet reaped has none.
 */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "dead" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process tidied up first.
  }
}
