import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { takeLock } from "./folder-lock.ts";
import { usersAtWork } from "./leftovers.ts";
import type { SlotUser } from "./sandbox/port.ts";

/** Below 65536, so that they exist in user namespaces too; above what systems give to accounts and daemons. */
const FIRST_UID = 64_000;
const LAST_UID = 64_999;

/**
 * Takes users that nobody else is: one per slot, for jobs of a worker that runs as root. A lock per uid keeps other workers on this
 * machine away; an account with that number, or a running process of it, rules it out.
 */
export function takeSlotUsers(count: number): { users: SlotUser[]; release(): void } {
  const taken = new Set([...numbersIn("/etc/passwd"), ...numbersIn("/etc/group"), ...usersAtWork()]);
  const place = join(["/run", "/var/run"].find((path) => existsSync(path)) ?? tmpdir(), "rendt-users");
  const users: SlotUser[] = [];
  const locks: (() => void)[] = [];
  const release = () => {
    for (const unlock of locks.splice(0)) unlock();
  };
  for (let uid = FIRST_UID; uid <= LAST_UID && users.length < count; uid += 1) {
    if (taken.has(uid)) continue;
    const unlock = takeLock(join(place, String(uid)));
    if (!unlock) continue;
    locks.push(unlock);
    users.push({ uid, gid: uid });
  }
  if (users.length < count) {
    release();
    throw new RendtError(
      "worker_refused",
      `can't find ${count} unused uids between ${FIRST_UID} and ${LAST_UID} for the slots of this worker: use fewer slots`,
    );
  }
  return { users, release };
}

/** The third field of each line: uids of passwd, gids of group. */
function numbersIn(file: string): number[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => Number(line.split(":")[2]));
}
