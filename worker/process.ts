import { closeSync, constants, fstatSync, openSync, realpathSync } from "node:fs";
import { constants as system } from "node:os";
import { join, sep } from "node:path";
import { explainBadPath } from "../contract/paths.ts";
import type { Frost } from "./frost.ts";
import { sayCpu, startGuard } from "./guard.ts";
import type { OutputPipe, PipeStock } from "./pipes.ts";
import type { Run, RunEnd } from "./sandbox/port.ts";
import { sayBytes, sayTime } from "./say.ts";
import { explainStartFailure } from "./start-failure.ts";
import { type Stopping, stopOnDemand } from "./stop-on-demand.ts";
import type { UsageMeter } from "./usage.ts";

/** Name of the variable that marks every descendant of a task; its value is unique per task. */
export const ATTEMPT_VARIABLE = "RENDT_ATTEMPT";

/** What the runs of one slot share. */
export type ProcessHost = {
  pipes: PipeStock;
  graceMs: number;
  usage: UsageMeter;
  frost: Frost;
  /** How a shell between us and the command begins what it says on standard error: that is not the job's, and is kept out of its log. */
  speaker?: string;
};

/** How long output may still come from descendants after the child's own end, before they are killed. */
const DRAIN_MS = 300;
/** Children shorter than this are read once, at their end. */
const FLOW_AFTER_MS = 5;

/** A run as its sandbox level starts and reaches it. */
export type Started = {
  /** Resolves when the command is gone; with an error when there was never one. */
  exited: Promise<Exit>;
  /** Processes of the task, for those who look at what it uses; all others are below them. None while none is known. */
  roots(): readonly number[];
  /** TERM asks the task's processes to end, KILL ends all that can be reached. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  /** Ends whatever is left once the command is gone; absent where nobody can be. */
  sweep?(): Promise<void>;
  /** What an exit means, where that is not the command's own; undefined when it is. `errors`: how standard error began. */
  read(exit: Exited, errors: string): Failure | undefined;
};
export type Exited = { code: number | null; signal: NodeJS.Signals | null };
export type Exit = Exited | { error: unknown };
export type Start = (run: Run, streams: Streams) => Started;
/** What a run reads and writes: whoever starts it closes the write ends once they are with the command, or it is gone. */
export type Streams = { input: Input | undefined; out: OutputPipe; errors: OutputPipe };
/** A file, opened and by its name. */
type Input = { fd: number; path: string };
type Failure = Omit<RunEnd, "durationMs">;

/** Runs a command until it and all its descendants are gone. */
export async function runProcess(host: ProcessHost, run: Run, signal: AbortSignal, start: Start): Promise<RunEnd> {
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  if (signal.aborted) return { outcome: "stopped", exitCode: 0, durationMs: 0 };

  const input = openInput(run);
  if (input && "outcome" in input) return { ...input, durationMs: took() };
  let streams: Streams | undefined;
  let started: Started;
  let stopping: Stopping | undefined;
  const errors: Buffer[] = [];
  const limited = outputLimit(run, (reason) => stopping?.hit(reason));
  const output = keepStart(errors, host.speaker, limited);
  try {
    streams = await open(host.pipes, { input, output });
    started = start(run, streams);
  } catch (error) {
    close(streams);
    return { ...explainStartFailure(run, error), durationMs: took() };
  } finally {
    if (input) closeSync(input.fd);
  }

  stopping = stopOnDemand({ signal, timeoutMs: run.timeoutMs, graceMs: host.graceMs }, started.kill);
  const { hit, pause, resume, pausedMs } = stopping;
  const { roots } = started;
  const thawForGood = host.frost.began({ roots, pause, resume });
  const guard = startGuard({ ...run, roots, hit });
  const { out, errors: err } = streams;
  const flow = setTimeout(() => {
    out.flow();
    err.flow();
  }, FLOW_AFTER_MS);

  const exit = await started.exited;
  const durationMs = took() - Math.round(pausedMs());
  thawForGood();
  guard.close();
  clearTimeout(flow);
  stopping.clear();
  if ("error" in exit) {
    close(streams);
    return { ...explainStartFailure(run, exit.error), durationMs };
  }
  const usage = host.usage.ofEnded(guard.seen, durationMs);
  await settle(started, [out, err]);
  const ended = stopping.why() === undefined ? started.read(exit, Buffer.concat(errors).toString()) : undefined;
  return { ...(ended ?? judge(exit, stopping, run)), durationMs, usage };
}

/** Empties the pipes and ends all that is left of the task; whoever still holds a pipe after the bound is killed. */
async function settle(started: Started, pipes: readonly OutputPipe[]): Promise<void> {
  if (!started.sweep) return void (await Promise.all(pipes.map((pipe) => pipe.drain())));
  const drained = await Promise.all(pipes.map((pipe) => pipe.drain(DRAIN_MS)));
  await started.sweep();
  if (drained.every(Boolean)) return;
  await Promise.all(pipes.map((pipe) => pipe.drain(DRAIN_MS)));
  for (const pipe of pipes) pipe.close();
}

async function open(
  stock: PipeStock,
  { input, output }: { input: Input | undefined; output: Run["output"] },
): Promise<Streams> {
  const out = await stock.take("stdout", (chunk) => output("stdout", chunk));
  return { input, out, errors: await stock.take("stderr", (chunk) => output("stderr", chunk)) };
}

function close(streams: Streams | undefined): void {
  streams?.out.close();
  streams?.errors.close();
}

const START_BYTES = 1024;

/** What a start failed by stands at the very beginning of standard error. */
function keepStart(errors: Buffer[], speaker: string | undefined, output: Run["output"]): Run["output"] {
  let kept = 0;
  let speaks = false;
  return (stream, chunk) => {
    if (stream === "stderr" && kept < START_BYTES) {
      speaks ||= kept === 0 && speaker !== undefined && chunk.toString("latin1", 0, speaker.length) === speaker;
      // A copy: the chunk may be a part of a large buffer.
      errors.push(Buffer.from(chunk.subarray(0, START_BYTES - kept)));
      kept += chunk.length;
    }
    return speaks && stream === "stderr" ? undefined : output(stream, chunk);
  };
}

/** The file that standard input reads: one of the job's own, or else the command does not start. */
function openInput({ stdin, folder }: Run): Input | Failure | undefined {
  if (stdin === undefined) return undefined;
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
    if (fstatSync(fd).isFile()) return { fd, path };
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

function judge({ code, signal: name }: Exited, stopping: Stopping, run: Run): Failure {
  const exitCode = name === null ? (code ?? 0) : 128 + (system.signals[name] ?? 0);
  const signal = name === null ? {} : { signal: name };
  const why = stopping.why();
  if (why === "timed out") {
    const reason = `stopped at its time limit of ${sayTime(run.timeoutMs ?? 0)}`;
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
