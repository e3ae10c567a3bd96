import type { Cloud } from "../../../bench/support/cloud.ts";
import type { Client } from "../../../contract/client.ts";
import type { TaskResult } from "../../../contract/result.ts";
import type { Lease } from "../../../contract/worker.ts";

export type Units = { writes: number; reads: number };
type Actors = { cloud: Cloud; submitter: Client; worker: Client };

export const WORKER = "w00000000000a";
const OTHER = "w00000000000b";
const COMMAND = ["sh", "-c", "echo a job of usual length > result.txt"];

const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "strict" } as const;
const resultOf = (index: number, error?: string): TaskResult => ({
  index,
  outcome: "exited",
  exitCode: error === undefined ? 0 : 1,
  durationMs: 1000,
  ...(error !== undefined && { error }),
});
