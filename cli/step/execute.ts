import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import type { LogStream } from "../../contract/log-frames.ts";
import type { TaskResult } from "../../contract/result.ts";
import { errnoOf } from "../../files/disk-error.ts";

export type Execution = {
  command: readonly string[];
  folder: string;
  env: Record<string, string>;
  /** File that standard input reads; nothing when absent. */
  stdin: string | undefined;
  timeoutMs: number | undefined;
  onOutput: (stream: LogStream, bytes: Uint8Array) => void;
};
export type Executed = Pick<TaskResult, "outcome" | "exitCode" | "signal" | "reason" | "durationMs">;

const GRACE_MS = 5_000;

/** Runs the command in a group of its own, so that the time limit and Ctrl-C end its children too; answers how it ended. */
export function execute(execution: Execution): Promise<Executed> {
  const { command, folder, env, timeoutMs, onOutput } = execution;
  const [file = "", ...words] = command;
  const started = performance.now();
  const durationMs = () => Math.round(performance.now() - started);
  const stdin = execution.stdin === undefined ? "ignore" : openSync(execution.stdin, "r");
  return new Promise((resolve) => {
    const child = spawn(file, words, { cwd: folder, env, stdio: [stdin, "pipe", "pipe"], detached: true });
    if (stdin !== "ignore") closeSync(stdin);
    let timedOut = false;
    const kill = (signal: NodeJS.Signals) => signalGroup(child.pid, signal);
    const end = () => {
      kill("SIGTERM");
      return setTimeout(() => kill("SIGKILL"), GRACE_MS).unref();
    };
    const interrupted = () => void end();
    const limit =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            end();
          }, timeoutMs);
    process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
    const settle = (executed: Omit<Executed, "durationMs">) => {
      clearTimeout(limit);
      process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
      resolve({ ...executed, durationMs: durationMs() });
    };
    child.stdout?.on("data", (bytes: Buffer) => onOutput("stdout", bytes));
    child.stderr?.on("data", (bytes: Buffer) => onOutput("stderr", bytes));
    child.once("error", (error: NodeJS.ErrnoException) => {
      const exitCode = error.code === "ENOENT" ? 127 : 126;
      settle({
        outcome: "not_started",
        exitCode,
        reason: `can't start ${JSON.stringify(file)}: ${error.code ?? error.message}`,
      });
    });
    child.once("close", (code, signal) => {
      kill("SIGKILL");
      if (timedOut) settle({ outcome: "timed_out", exitCode: 124, ...(signal && { signal }) });
      else if (signal) settle({ outcome: "signalled", exitCode: 128 + constants.signals[signal], signal });
      else settle({ outcome: "exited", exitCode: code ?? 0 });
    });
  });
}

/** Whoever is left of a group; nobody is fine too. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ESRCH" && errno !== "EPERM") throw error;
  }
}
