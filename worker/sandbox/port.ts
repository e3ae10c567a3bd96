import type { Outcome, TaskResult } from "../../contract/result.ts";
import type { WorkerInfo } from "../../contract/worker.ts";
import type { Frost } from "../frost.ts";
import type { Limits } from "./limits.ts";

export type Level = WorkerInfo["sandbox"];

/** One run of a command, with everything it may see. */
export type Run = {
  command: readonly string[];
  /** The whole environment of the child; nothing of the worker's own is added. */
  env: Readonly<Record<string, string>>;
  folder: TaskFolder;
  /** File in the working folder that standard input reads; nothing when absent. */
  stdin?: string;
  timeoutMs?: number;
  level: Level;
  limits: Limits;
  /** At level strict: shares the network of this machine instead of having none. */
  network?: boolean;
  /** Takes what the child prints; the child waits while a returned promise is open. */
  output(stream: "stdout" | "stderr", chunk: Buffer): Promise<void> | undefined;
};

/**
 * How a run ended. Beside the outcomes of the contract: `stopped`, because our signal asked for it, and `unable`, because this machine
 * could not start it; neither is the job's fault.
 */
export type RunEnd = {
  outcome: Outcome | "stopped" | "unable";
  exitCode: number;
  signal?: string;
  reason?: string;
  durationMs: number;
  usage?: NonNullable<TaskResult["usage"]>;
};

/** The folders of one task: `work` is its working folder, HOME and TMPDIR lie beside it. */
export type TaskFolder = { root: string; work: string; home: string; tmp: string };

/** Who owns a slot's children and files, when that is not the worker itself. */
export type SlotUser = { uid: number; gid: number };

/** A place for one child at a time. */
export type Slot = {
  readonly number: number;
  readonly user: SlotUser | undefined;
  /** Runs to the end of the child and of all its descendants; never throws. An abort ends it: TERM, grace, KILL. */
  run(run: Run, signal: AbortSignal): Promise<RunEnd>;
} & Pick<Frost, "freeze" | "thaw" | "use">;

/** What stands between jobs and the machine. */
export type Sandbox = {
  /** What was proven to work here. */
  readonly measured: Pick<WorkerInfo, "sandbox" | "limits" | "seccomp" | "namespaces">;
  readonly slots: readonly Slot[];
  /** Below here the folders of tasks are made: a place that the slots' users can walk. Names with a dot in front are the sandbox's own. */
  readonly taskRoot: string;
  /** Where a task of this level sees its folders. */
  inside(level: Level, folder: TaskFolder): TaskFolder;
  close(): Promise<void>;
};
