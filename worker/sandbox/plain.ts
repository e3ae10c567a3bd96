import { spawn } from "node:child_process";
import { killLeftovers } from "../leftovers.ts";
import { ATTEMPT_VARIABLE, type Start } from "../process.ts";
import { explainShellFailure } from "../start-failure.ts";
import { coresOf } from "./cores.ts";
import { rlimits } from "./inner-script.ts";
import type { Limits } from "./limits.ts";
import type { Run, SlotUser } from "./port.ts";

/** Level `none`: a plain child in a group of its own. Safe from accidents, not from attackers. */
export function plainStart(user: SlotUser | undefined, slot: number): Start {
  return (run, stdio) => {
    const [file = "", ...words] = [...coresOf(run.limits, slot), ...withLimits(run, user)];
    const child = spawn(file, words, {
      cwd: run.folder.work,
      env: run.env,
      stdio: [...stdio],
      detached: true,
      ...user,
    });
    const { pid } = child;
    const mark = { tag: `${ATTEMPT_VARIABLE}=${run.env[ATTEMPT_VARIABLE]}`, ...(user && { uid: user.uid }) };
    return {
      child,
      root: () => pid,
      kill(signal) {
        if (pid === undefined) return;
        killGroup(pid, signal);
        // A stopped process takes its TERM only when it goes on.
        if (signal === "SIGTERM") killGroup(pid, "SIGCONT");
      },
      async sweep() {
        if (pid === undefined) return;
        killGroup(pid, "SIGKILL");
        await killLeftovers(mark, pid);
      },
      read: (code, errors) => (file === run.command[0] ? undefined : explainShellFailure(run, code, errors)),
    };
  };
}

/** Only a job that asks for limits pays for a shell that sets them. Processes are counted per user, so only where the slot has one. */
function withLimits({ command, limits }: Run, user: SlotUser | undefined): readonly string[] {
  const { processes, ...others } = limits;
  const asked: Limits = user && processes !== undefined ? { ...others, processes } : others;
  const commands = rlimits(asked);
  if (commands.length === 1) return command;
  return ["/bin/sh", "-c", `${commands.join(" && ")} && exec "$@"`, "sh", ...command];
}

export function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // ESRCH: nobody is left; EPERM: only zombies are (macOS).
  }
}
