import { ATTEMPT_VARIABLE } from "../process.ts";
import { hintFor } from "./hints.ts";
import type { Run, Slot, TaskFolder } from "./port.ts";
import { onPath } from "./tools.ts";

/** A machine that has just been started is slow, and what it has not shown by then it lacks until the next start of the worker. */
const PROBE_MS = 30_000;

/**
 * Runs a command in the real sandbox as a slot's user, which must not see what it should not. Answers what is wrong, with the one change
 * that puts it right; undefined when all is well. Reading sysctls instead would miss half of the reasons.
 */
export async function probeStrict(slot: Slot, folder: TaskFolder, tag: string): Promise<string | undefined> {
  if (process.platform !== "linux") return "it needs Linux (on other systems: a Linux machine, or a virtual one)";
  if (!onPath("bwrap")) return "there is no bwrap: install the package bubblewrap";
  const looks = ["! test -e /etc/shadow", "! test -e /root", `test "$$" != 1`, "! test -w /usr", "echo shut-in"];
  const printed: Buffer[] = [];
  const run: Run = {
    command: ["/bin/sh", "-c", looks.join(" && ")],
    // A worker that is killed right now leaves bubblewrap behind, if it had not yet tied itself to it.
    env: { PATH: "/usr/bin:/bin", [ATTEMPT_VARIABLE]: tag },
    folder,
    level: "strict",
    limits: { processes: 64, openFiles: 64, memoryBytes: 64 * 1024 * 1024 },
    timeoutMs: PROBE_MS,
    output(_stream, chunk) {
      printed.push(Buffer.from(chunk));
      return undefined;
    },
  };
  const end = await slot.run(run, new AbortController().signal);
  const text = Buffer.concat(printed).toString().trim();
  if (end.outcome === "exited" && end.exitCode === 0 && text === "shut-in") return undefined;
  const why = end.reason ?? (text || `exit code ${end.exitCode}`);
  return `${why}${hintFor(why)}`;
}
