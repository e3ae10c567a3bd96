/** The package's library entry: what `import … from "rendt"` gives. */
export { UnreachableError } from "../contract/client.ts";
export { type ErrorCode, RendtError } from "../contract/errors.ts";
export type { JobStatus, JobView } from "../contract/job.ts";
export type { LogFrame } from "../contract/log-frames.ts";
export type { TaskResult } from "../contract/result.ts";
export { type Connection, type ConnectOptions, connect, type SubmitCallOptions } from "./connect.ts";
export type { Ended, Job, LogsOptions, Output, OutputsOptions } from "./job.ts";
export type { Spec } from "./order.ts";
