import type { Outcome } from "../../contract/result.ts";
import type { WorkerInfo } from "../../contract/worker.ts";

/** One run of a command, with everything it may see. */
export type Run = {
  command: readonly string[];
  /** The whole environment of the child; nothing of the worker's own is added. */
  env: Readonly<Record<string, string>>;
  folder: TaskFolder;
  /** File in the working folder that standard input reads; nothing when absent. */
  stdin?: string;
  timeoutMs?: number;
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
};

/** What stands between a job and the machine: one implementation per level. */
export type Sandbox = {
  readonly level: WorkerInfo["sandbox"];
  readonly slots: readonly Slot[];
  /** Below here the folders of tasks are made: a place that the slots' users can walk. */
  readonly taskRoot: string;
  close(): Promise<void>;
};
