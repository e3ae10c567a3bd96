import { spawn } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import type { SlotUser } from "./port.ts";

type Setting = { state: string; workerId: string; notice: (text: string) => void };

/** The first place where every slot's user can work, proven by doing so; a folder below /root is closed to them. */
export async function findTaskRoot(setting: Setting, users: readonly SlotUser[]): Promise<string> {
  const places = [join(setting.state, "tasks")];
  if (users.length > 0) places.push(`/var/tmp/rendt-${setting.workerId}`);
  const problems: string[] = [];
  for (const place of places) {
    const problem = await tryPlace(place, users);
    if (problem === undefined) {
      if (problems.length > 0)
        setting.notice(`jobs run below ${place}, because the users of the slots have no way into ${setting.state}`);
      return place;
    }
    problems.push(`${place} can't be used by the users of the slots (${problem})`);
  }
  throw new RendtError(
    "worker_refused",
    `no folder for jobs: ${problems.join("; ")}; start the worker with another state folder`,
  );
}

async function tryPlace(place: string, users: readonly SlotUser[]): Promise<string | undefined> {
  mkdirSync(place, { recursive: true, mode: 0o711 });
  const stats = lstatSync(place);
  // /var/tmp is everybody's: a folder or link that somebody else put there is not ours to use.
  if (!stats.isDirectory() || stats.uid !== (process.getuid?.() ?? stats.uid)) return "it belongs to somebody else";
  chmodSync(place, 0o711);
  for (const user of users) {
    const problem = await probe(place, user);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Goes there by its whole path as that user: spawn's own cwd is entered while still root. */
function probe(place: string, user: SlotUser): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("/bin/sh", ["-c", 'cd "$1" && true', "sh", place], {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "ignore", "pipe"],
      ...user,
    });
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    child.once("error", (error) => resolve(`uid ${user.uid}: ${error.message}`));
    child.once("close", (code) => resolve(code === 0 ? undefined : `uid ${user.uid}: ${text.trim()}`));
  });
}
