import type { ChildProcess } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, realpathSync } from "node:fs";
import { constants as system } from "node:os";
import { join, sep } from "node:path";
import { explainBadPath } from "../contract/paths.ts";
import type { Frost } from "./frost.ts";
import { sayCpu, startGuard } from "./guard.ts";
import type { OutputPipe, PipeStock } from "./pipes.ts";
import { sayBytes } from "./sandbox/limits.ts";
import type { Run, RunEnd } from "./sandbox/port.ts";
import { explainStartFailure } from "./start-failure.ts";
import { type Stopping, stopOnDemand } from "./stop-on-demand.ts";
import type { UsageMeter } from "./usage.ts";
import type { Watchdog } from "./watchdog.ts";

/** Name of the variable that marks every descendant of a task; its value is unique per task. */
export const ATTEMPT_VARIABLE = "RENDT_ATTEMPT";

export type ProcessHost = { pipes: PipeStock; watchdog: Watchdog; graceMs: number; usage: UsageMeter; frost: Frost };

/** How long output may still come from descendants after the child's own end, before they are killed. */
const DRAIN_MS = 300;
/** Children shorter than this are read once, at their end. */
const FLOW_AFTER_MS = 5;

/** A child as its sandbox level starts and reaches it. */
export type Started = {
  child: ChildProcess;
  /** First process of the task, for those who look at what it uses; undefined while it is not known. */
  root(): number | undefined;
  /** TERM asks the task's processes to end, KILL ends all that can be reached. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  /** Ends whatever is left once the child is gone. */
  sweep(): Promise<void>;
  /** What an exit means, where that is not the command's own; undefined when it is. `errors`: how standard error began. */
  read(code: number | null, errors: string): Failure | undefined;
};
export type Start = (run: Run, stdio: Stdio) => Started;
export type Stdio = readonly [number | "ignore", number, number];
type Failure = Omit<RunEnd, "durationMs">;

/**
 * Runs a command until it and all its descendants are gone. Decides on `exit`: `close` comes only when every descendant has let go of the
 * pipes, which may be never.
 */
export async function runProcess(host: ProcessHost, run: Run, signal: AbortSignal, start: Start): Promise<RunEnd> {
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  if (signal.aborted) return { outcome: "stopped", exitCode: 0, durationMs: 0 };

  const stdin = openInput(run);
  if (typeof stdin === "object") return { ...stdin, durationMs: took() };
  let opened: Opened | undefined;
  let started: Started;
  let stopping: Stopping | undefined;
  const errors: Buffer[] = [];
  const output = keepStart(
    errors,
    outputLimit(run, (reason) => stopping?.hit(reason)),
  );
  try {
    opened = await open(host.pipes, { ...run, output });
    started = start(run, [stdin, opened.pipes[0].writer, opened.pipes[1].writer]);
  } catch (error) {
    opened?.close();
    return { ...explainStartFailure(run, error), durationMs: took() };
  } finally {
    if (stdin !== "ignore") closeSync(stdin);
  }
  for (const pipe of opened.pipes) pipe.closeWriter();
  const { child } = started;
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
  stopping = stopOnDemand({ signal, timeoutMs: run.timeoutMs, graceMs: host.graceMs }, started.kill);
  const { hit, pause, resume, pausedMs } = stopping;
  const thawForGood = host.frost.began({ root: started.root, pause, resume });
  const guard = startGuard({ root: started.root, folder: run.folder, limits: run.limits, hit });
  const { pipes } = opened;
  const flow = setTimeout(() => {
    for (const pipe of pipes) pipe.flow();
  }, FLOW_AFTER_MS);

  const { code, name } = await exited;
  const durationMs = took() - Math.round(pausedMs());
  thawForGood();
  guard.close();
  const usage = host.usage.ofEnded(guard.seen, durationMs);
  clearTimeout(flow);
  stopping.clear();
  await settle(started, pipes);
  host.watchdog.ended(pid);
  const ended = stopping.why() === undefined ? started.read(code, Buffer.concat(errors).toString()) : undefined;
  return { ...(ended ?? judge(code, name, stopping, run)), durationMs, usage };
}

/** Empties the pipes and ends all that is left of the task; whoever still holds a pipe after the bound is killed. */
async function settle(started: Started, pipes: readonly OutputPipe[]): Promise<void> {
  const drained = await Promise.all(pipes.map((pipe) => pipe.drain(DRAIN_MS)));
  await started.sweep();
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

const START_BYTES = 1024;

/** What a start failed by stands at the very beginning of standard error. */
function keepStart(errors: Buffer[], output: Run["output"]): Run["output"] {
  let kept = 0;
  return (stream, chunk) => {
    if (stream === "stderr" && kept < START_BYTES) {
      // A copy: the chunk may be a part of a large buffer.
      errors.push(Buffer.from(chunk.subarray(0, START_BYTES - kept)));
      kept += chunk.length;
    }
    return output(stream, chunk);
  };
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

/** Passes on what the task prints, and tells when that is more than it may. */
function outputLimit({ output, limits: { outputBytes } }: Run, hit: (reason: string) => void): Run["output"] {
  if (outputBytes === undefined) return output;
  let left = outputBytes;
  return (stream, chunk) => {
    const most = Math.max(0, left);
    left -= chunk.length;
    if (left < 0) hit(`killed: output ${sayBytes(outputBytes)}`);
    return most === 0 ? undefined : output(stream, chunk.subarray(0, most));
  };
}

function judge(code: number | null, name: NodeJS.Signals | null, stopping: Stopping, run: Run): Failure {
  const exitCode = name === null ? (code ?? 0) : 128 + (system.signals[name] ?? 0);
  const signal = name === null ? {} : { signal: name };
  const why = stopping.why();
  if (why === "timed out") {
    const reason = `stopped at its time limit of ${run.timeoutMs} ms`;
    return { outcome: "timed_out", exitCode: 124, ...signal, reason };
  }
  if (why === "limit") return { outcome: "limit", exitCode: 137, signal: "SIGKILL", reason: stopping.reason() ?? "" };
  if (why === "stopped") return { outcome: "stopped", exitCode, ...signal };
  return name === null ? { outcome: "exited", exitCode } : signalled(name, run);
}

/** Some signals are the kernel's word for a limit. */
export function signalled(name: string, { limits: { fileBytes, cpuMs } }: Run): Failure {
  const exitCode = 128 + (Object.entries(system.signals).find(([known]) => known === name)?.[1] ?? 0);
  const limit = { signal: name, outcome: "limit", exitCode } as const;
  if (name === "SIGXFSZ" && fileBytes !== undefined)
    return { ...limit, reason: `killed: a file of more than ${sayBytes(fileBytes)}` };
  if (name === "SIGXCPU" && cpuMs !== undefined) return { ...limit, reason: sayCpu(cpuMs) };
  return { outcome: "signalled", exitCode, signal: name };
}
