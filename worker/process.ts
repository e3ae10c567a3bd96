import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, realpathSync } from "node:fs";
import { constants as system } from "node:os";
import { join, sep } from "node:path";
import { explainBadPath } from "../contract/paths.ts";
import { killLeftovers } from "./leftovers.ts";
import type { OutputPipe, PipeStock } from "./pipes.ts";
import type { Run, RunEnd, SlotUser } from "./sandbox/port.ts";
import { explainStartFailure } from "./start-failure.ts";
import type { Watchdog } from "./watchdog.ts";

/** Name of the variable that marks every descendant of a task; its value is unique per task. */
export const ATTEMPT_VARIABLE = "RENDT_ATTEMPT";

export type ProcessHost = { pipes: PipeStock; watchdog: Watchdog; graceMs: number };

/** How long output may still come from descendants after the child's own end, before they are killed. */
const DRAIN_MS = 300;
/** Children shorter than this are read once, at their end. */
const FLOW_AFTER_MS = 5;

type Stop = "timed out" | "stopped";

/**
 * Runs a command as a plain child in a group of its own, until it and all its descendants are gone. Decides on `exit`: `close` comes
 * only when every descendant has let go of the pipes, which may be never.
 */
export async function runProcess(host: ProcessHost, run: Run, signal: AbortSignal, user?: SlotUser): Promise<RunEnd> {
  const started = performance.now();
  const took = () => Math.round(performance.now() - started);
  if (signal.aborted) return { outcome: "stopped", exitCode: 0, durationMs: 0 };

  const stdin = openInput(run);
  if (typeof stdin === "object") return { ...stdin, durationMs: took() };
  let opened: Opened | undefined;
  let child: ChildProcess;
  try {
    opened = await open(host.pipes, run);
    child = start(run, [stdin, opened.pipes[0].writer, opened.pipes[1].writer], user);
  } catch (error) {
    opened?.close();
    return { ...explainStartFailure(run, error), durationMs: took() };
  } finally {
    if (stdin !== "ignore") closeSync(stdin);
  }
  for (const pipe of opened.pipes) pipe.closeWriter();
  const { pid } = child;
  if (pid === undefined) {
    const error = await new Promise((resolve) => child.once("error", resolve));
    opened.close();
    return { ...explainStartFailure(run, error), durationMs: took() };
  }

  host.watchdog.began(pid);
  const exited = new Promise<{ code: number | null; name: NodeJS.Signals | null }>((resolve) =>
    child.once("exit", (code, name) => resolve({ code, name })),
  );
  const stopping = stopOnDemand(pid, { signal, timeoutMs: run.timeoutMs, graceMs: host.graceMs });
  const { pipes } = opened;
  const flow = setTimeout(() => {
    for (const pipe of pipes) pipe.flow();
  }, FLOW_AFTER_MS);

  const { code, name } = await exited;
  const durationMs = took();
  clearTimeout(flow);
  stopping.clear();
  await settle(pid, pipes, { tag: tagOf(run), ...(user && { uid: user.uid }) });
  host.watchdog.ended(pid);
  return { ...judge(code, name, stopping.why(), run), durationMs };
}

/** Empties the pipes and ends all that is left of the task; whoever still holds a pipe after the bound is killed. */
async function settle(pid: number, pipes: readonly OutputPipe[], mark: { tag: string; uid?: number }): Promise<void> {
  const drained = await Promise.all(pipes.map((pipe) => pipe.drain(DRAIN_MS)));
  killGroup(pid, "SIGKILL");
  await killLeftovers(mark, pid);
  if (drained.every(Boolean)) return;
  await Promise.all(pipes.map((pipe) => pipe.drain(DRAIN_MS)));
  for (const pipe of pipes) pipe.close();
}

type Opened = { pipes: readonly [OutputPipe, OutputPipe]; close(): void };

async function open(stock: PipeStock, run: Run): Promise<Opened> {
  const pipes = [
    await stock.take((chunk) => run.output("stdout", chunk)),
    await stock.take((chunk) => run.output("stderr", chunk)),
  ] as const;
  return {
    pipes,
    close() {
      for (const pipe of pipes) pipe.close();
    },
  };
}

function start(run: Run, stdio: [number | "ignore", number, number], user: SlotUser | undefined): ChildProcess {
  const [file = "", ...words] = run.command;
  return spawn(file, words, { cwd: run.folder.work, env: run.env, stdio, detached: true, ...user });
}

/** The file that standard input reads: one of the job's own, or else the command does not start. */
function openInput({ stdin, folder }: Run): number | "ignore" | Omit<RunEnd, "durationMs"> {
  if (stdin === undefined) return "ignore";
  const refuse = (why: string) => {
    const reason = `standard input can't be read from ${JSON.stringify(stdin)}: ${why}`;
    return { outcome: "not_started", exitCode: 125, reason } as const;
  };
  const bad = explainBadPath(stdin);
  if (bad !== undefined) return refuse(bad);
  try {
    const path = realpathSync(join(folder.work, stdin));
    if (!path.startsWith(`${realpathSync(folder.work)}${sep}`)) return refuse("it leads out of the working folder");
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return refuse("it is no file");
  } catch {
    return refuse("there is no such file among the job's inputs");
  }
}

/** TERM to the group at the time limit or on abort, and KILL after the grace. */
function stopOnDemand(pid: number, limits: { signal: AbortSignal; timeoutMs: number | undefined; graceMs: number }) {
  let why: Stop | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (reason: Stop) => {
    if (why) return;
    why = reason;
    killGroup(pid, "SIGTERM");
    // A stopped process takes its TERM only when it goes on.
    killGroup(pid, "SIGCONT");
    killer = setTimeout(() => killGroup(pid, "SIGKILL"), limits.graceMs);
  };
  const abort = () => stop("stopped");
  const timer = limits.timeoutMs === undefined ? undefined : longTimeout(() => stop("timed out"), limits.timeoutMs);
  limits.signal.addEventListener("abort", abort);
  return {
    why: () => why,
    clear() {
      timer?.clear();
      clearTimeout(killer);
      limits.signal.removeEventListener("abort", abort);
    },
  };
}

/** setTimeout takes 2^31 - 1 ms (24.8 days) at most; jobs may run for 30. */
function longTimeout(call: () => void, ms: number): { clear(): void } {
  const most = 2 ** 31 - 1;
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    timer = setTimeout(() => (left > most ? wait(left - most) : call()), Math.min(left, most));
  };
  wait(ms);
  return { clear: () => clearTimeout(timer) };
}

function judge(
  code: number | null,
  name: NodeJS.Signals | null,
  why: Stop | undefined,
  run: Run,
): Omit<RunEnd, "durationMs"> {
  const exitCode = name === null ? (code ?? 0) : 128 + (system.signals[name] ?? 0);
  const signal = name === null ? {} : { signal: name };
  if (why === "timed out") {
    const reason = `stopped at its time limit of ${run.timeoutMs} ms`;
    return { outcome: "timed_out", exitCode: 124, ...signal, reason };
  }
  if (why === "stopped") return { outcome: "stopped", exitCode, ...signal };
  return { outcome: name === null ? "exited" : "signalled", exitCode, ...signal };
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // ESRCH: nobody is left; EPERM: only zombies are (macOS).
  }
}

const tagOf = (run: Run): string => `${ATTEMPT_VARIABLE}=${run.env[ATTEMPT_VARIABLE]}`;
