import { UnreachableError } from "../contract/client.ts";
import { messageOf, RendtError } from "../contract/errors.ts";
import { Failure, type FailureCode } from "./failure.ts";

/** What the program's exit code says; docs/cli.md prints this table. */
export const EXIT = {
  done: 0,
  jobFailed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  waitedTooLong: 5,
} as const;

/** Exit codes of `run` that are not the command's own. */
export const RUN_EXIT = { timedOut: 124, lost: 125, notExecutable: 126, noSuchCommand: 127, interrupted: 130 } as const;

const exitOfFailure: Partial<Record<FailureCode, number>> = {
  usage: EXIT.usage,
  waited_too_long: EXIT.waitedTooLong,
};

export type Explained = {
  exit: number;
  message: string;
  code: string;
  hint: string | undefined;
  stack?: string | undefined;
};

/** The one place that turns errors into exit codes and words. */
export function explainError(error: unknown): Explained {
  if (error instanceof Failure)
    return {
      exit: exitOfFailure[error.code] ?? EXIT.refused,
      message: error.message,
      code: error.code,
      hint: error.hint,
    };
  if (error instanceof RendtError)
    return { exit: EXIT.refused, message: error.message, code: error.code, hint: error.hint };
  if (error instanceof UnreachableError)
    return { exit: EXIT.unreachable, message: error.message, code: "unreachable", hint: error.hint };
  if (error instanceof Error && "syscall" in error && error.syscall === "uv_cwd")
    return {
      exit: EXIT.refused,
      message: "the current folder was removed",
      code: "no_such_file",
      hint: "go to a folder that is there",
    };
  if (error instanceof Error && "code" in error && "syscall" in error)
    return { exit: EXIT.refused, message: error.message, code: String(error.code), hint: undefined };
  return {
    exit: EXIT.refused,
    message: messageOf(error),
    code: "unexpected",
    hint: "this is a mistake in rendt: please report it with the lines above",
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** The message with its code behind the first line; several mistakes follow, a line each. */
export const withCode = ({ message, code }: Pick<Explained, "message" | "code">): string =>
  message.replace(/\n|$/, (end) => ` (${code})${end}`);

/** As `run` has it: everything that is neither the command's own end nor wrong usage is 125. */
export const runExitOf = (exit: number): number => (exit === EXIT.usage ? EXIT.usage : RUN_EXIT.lost);
