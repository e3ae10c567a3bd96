import { ATTEMPT_VARIABLE } from "../process.ts";
import type { Run, Slot, TaskFolder } from "./port.ts";
import { onPath } from "./tools.ts";

const PROBE_MS = 5000;

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

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /max_.*_namespaces exceeded|nesting depth/,
    "raise the sysctl user.max_user_namespaces; inside a container or another sandbox, start the worker outside of it",
  ],
  [
    /No permissions to create new namespace|Creating new namespace failed/,
    "set the sysctl kernel.unprivileged_userns_clone=1; in a container, let it make user namespaces",
  ],
  [
    /setting up uid map: Permission denied|RTM_NEWADDR/,
    "AppArmor forbids it: give bwrap a profile with `userns,` (the package apparmor-profiles has one on Ubuntu 24.04)",
  ],
  [/Unknown option/, "install bubblewrap 0.8 or newer"],
];

export const hintFor = (why: string): string => {
  const hint = HINTS.find(([pattern]) => pattern.test(why))?.[1];
  return hint === undefined ? "" : `: ${hint}`;
};
