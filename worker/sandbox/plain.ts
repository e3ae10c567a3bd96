import { spawn } from "node:child_process";
import { getPriority, setPriority } from "node:os";
import { exitOf } from "../child-exit.ts";
import { killLeftovers } from "../leftovers.ts";
import { NICE } from "../priority.ts";
import { ATTEMPT_VARIABLE, type Start } from "../process.ts";
import { signalTo } from "../process-tree.ts";
import { explainShellFailure } from "../start-failure.ts";
import type { Watchdog } from "../watchdog.ts";
import { coresOf } from "./cores.ts";
import { rlimits } from "./inner-script.ts";
import type { Limits } from "./limits.ts";
import type { Run, SlotUser } from "./port.ts";

type Place = { user: SlotUser | undefined; slot: number; watchdog: Watchdog };

const MOST_NICE = 19;

/** Level `none` where slots can have no namespaces: a child of the worker itself, in a group of its own. */
export function plainStart({ user, slot, watchdog }: Place): Start {
  return (run, streams) => {
    const [file = "", ...words] = [...coresOf(run.limits, slot), ...withLimits(run, user)];
    const child = spawn(file, words, {
      cwd: run.folder.work,
      env: run.env,
      stdio: [streams.input?.fd ?? "ignore", streams.out.writer(), streams.errors.writer()],
      detached: true,
      ...user,
    });
    streams.out.closeWriter();
    streams.errors.closeWriter();
    const exited = exitOf(child);
    const { pid } = child;
    if (pid === undefined) return { exited, roots: () => [], kill: () => undefined, read: () => undefined };
    putBehind(pid);
    watchdog.began(pid);
    return {
      exited,
      roots: () => [pid],
      kill(signal) {
        signalTo(-pid, signal);
        // A stopped process takes its TERM only when it goes on.
        if (signal === "SIGTERM") signalTo(-pid, "SIGCONT");
      },
      async sweep() {
        signalTo(-pid, "SIGKILL");
        const tag = `${ATTEMPT_VARIABLE}=${run.env[ATTEMPT_VARIABLE]}`;
        await killLeftovers({ tag, ...(user && { uid: user.uid }) }, pid);
        watchdog.ended(pid);
      },
      read: ({ code }, errors) => (file === run.command[0] ? undefined : explainShellFailure(run, code, errors)),
    };
  };
}

/** What it starts from here on is as far back; a word for it, as slots have, would be one more program to load for each task. */
function putBehind(pid: number): void {
  try {
    setPriority(pid, Math.min(MOST_NICE, getPriority() + NICE.none));
  } catch {
    // ESRCH: it is gone already.
  }
}

/** Only a job that asks for limits pays for a shell that sets them. Processes are counted per user, so only where the slot has one. */
function withLimits({ command, limits }: Run, user: SlotUser | undefined): readonly string[] {
  const { processes, ...others } = limits;
  const asked: Limits = user && processes !== undefined ? { ...others, processes } : others;
  const commands = rlimits(asked);
  if (commands.length === 1) return command;
  return ["/bin/sh", "-c", `${commands.join(" && ")} && exec "$@"`, "sh", ...command];
}
