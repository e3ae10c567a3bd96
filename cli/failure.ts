/** Refusals that the CLI makes itself; where the server would say the same, under the server's code. */
export type FailureCode =
  | "usage"
  | "waited_too_long"
  | "broken_setup"
  | "not_your_lease"
  | "lease_lost"
  | "inputs_missing"
  | "outputs_not_ready"
  | "outputs_missing"
  | "wrong_content"
  | "not_available";

/** A refusal with a code and a next step, like those of the server. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly hint: string | undefined;

  constructor(code: FailureCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** One or several mistakes in what was typed, told together. */
export function usage(mistakes: string | readonly string[], hint?: string): Failure {
  const all = typeof mistakes === "string" ? [mistakes] : mistakes;
  const [first = ""] = all;
  const message = all.length === 1 ? first : [`${all.length} mistakes`, ...all].join("\n  - ");
  return new Failure("usage", message, { hint });
}
