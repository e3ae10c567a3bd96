import { resolve } from "node:path";
import type { JobSpecInput } from "../contract/job.ts";
import { type Input, readInput } from "../files/collect.ts";
import { type Duration, durationMs } from "./duration.ts";

type Renamed = "inputs" | "stdin" | "timeoutMs" | "delayMs" | "expiresMs" | "keepMs" | "array";

/**
 * A job in the words of the command line. What is not named here is as in the contract's job spec (`contract/job.ts`).
 *
 * @example
 * const spec: Spec = { command: ["python3", "a.py"], inputs: ["a.py", { path: "/data/big.csv", as: "in.csv" }], outputs: ["out/*"], timeout: "10m" };
 */
export type Spec = Omit<JobSpecInput, Renamed> & {
  /** Files, folders and globs: `SRC` or `SRC=DEST`, or the same as an object. Relative ones are read from `cwd`. */
  inputs?: readonly (string | Input)[] | undefined;
  /** Left out of folders and globs, by the rules of gitignore. */
  exclude?: readonly string[] | undefined;
  /** The file that standard input reads. */
  stdin?: string | undefined;
  timeout?: Duration | undefined;
  delay?: Duration | undefined;
  expires?: Duration | undefined;
  keep?: Duration | undefined;
  /** Run the command so many times, with RENDT_TASK from 0. */
  count?: number | undefined;
  array?: JobSpecInput["array"];
  /** Idempotency: another submit of the same request under this key finds the same job. */
  key?: string | undefined;
};

/** A job to be submitted: what is sent as it is, and which files go with it. */
export type Order = {
  spec: Omit<JobSpecInput, "inputs">;
  inputs: readonly Input[];
  exclude?: readonly string[] | undefined;
  key?: string | undefined;
  /** Somebody will follow its output. */
  watch?: boolean | undefined;
};

/** Where standard input travels; the task reads it from there. */
export const STDIN_PATH = ".rendt-stdin";

/** Translates the words of the command line into those of the contract. */
export async function orderOf(spec: Spec, cwd: string): Promise<Order> {
  const { inputs = [], exclude, stdin, timeout, delay, expires, keep, count, key, ...same } = spec;
  const read = inputs.map((input) => (typeof input === "string" ? readInput(input, cwd) : input));
  const files = await Promise.all(read);
  if (stdin !== undefined) files.push({ path: resolve(cwd, stdin), as: STDIN_PATH });
  return {
    spec: {
      ...same,
      ...(stdin === undefined ? {} : { stdin: STDIN_PATH }),
      ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout, "timeout") }),
      ...(delay === undefined ? {} : { delayMs: durationMs(delay, "delay") }),
      ...(expires === undefined ? {} : { expiresMs: durationMs(expires, "expires") }),
      ...(keep === undefined ? {} : { keepMs: durationMs(keep, "keep") }),
      ...(count === undefined ? {} : { array: { ...same.array, count } }),
    },
    inputs: files,
    exclude,
    key,
  };
}
