import type * as z from "zod";
import { RendtError } from "../../contract/errors.ts";
import { jobSpec } from "../../contract/job.ts";
import type { Order } from "../../sdk/order.ts";
import { usage } from "../failure.ts";
import { formatDuration, formatSize } from "../units.ts";
import { LIMITS } from "./limits.ts";

const schema = jobSpec.unwrap().omit({ inputs: true });

/** The contract's own check, before anything is read or sent: mistakes are told in the words of the options, all together. */
export function assertGoodSpec(spec: Order["spec"]): void {
  const parsed = schema.safeParse(spec, { reportInput: true });
  if (parsed.success) return;
  const { issues } = parsed.error;
  const tooLarge = issues.find((issue) => issue.code === "too_big" && issue.origin === "string");
  if (tooLarge) throw new RendtError("spec_too_large", `${wordOf(tooLarge.path)}: ${tooLarge.message}`);
  throw usage(issues.map((issue) => `${wordOf(issue.path)}: ${explain(issue)}`));
}

/** A number out of bounds in the units that people type; the rest has words of its own. */
function explain(issue: z.core.$ZodIssue): string {
  const inWords = (value: unknown) => quantity(String(issue.path.at(-1)), Number(value));
  if (issue.code === "too_small" && issue.origin !== "array")
    return `${inWords(issue.input)} is too little: use ${inWords(issue.minimum)} or more`;
  if (issue.code === "too_big" && issue.origin !== "array")
    return `${inWords(issue.input)} is too much: use ${inWords(issue.maximum)} or less`;
  if (issue.code === "too_big" && issue.origin === "array") return `more than ${issue.maximum}`;
  return issue.message;
}

function quantity(field: string, value: number): string {
  if (field.endsWith("Ms")) return formatDuration(value);
  return field.endsWith("Bytes") ? formatSize(value) : String(value);
}

/** `timeoutMs` is --timeout, `successCodes` is --success-codes; `env.A` is A of --env. */
function wordOf([field = "", ...rest]: readonly PropertyKey[]): string {
  if (field === "limits" && rest.length > 0) return limitWord(String(rest[0]));
  const word = String(field)
    .replace(/Ms$/, "")
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (word === "command") return word;
  if (word === "secrets") return ["--secret", ...rest].join(" ");
  if (word === "tags") return "--tag";
  return word === "outputs" ? "--output" : [`--${word}`, rest.join(".")].join(" ").trim();
}

/** `cpuMs` is cpu-time of --limit; `memoryBytes` is an option of its own, --memory. */
function limitWord(field: string): string {
  const named = Object.entries(LIMITS).find(([, limit]) => limit.field === field);
  return named ? `--limit ${named[0]}` : wordOf([field.replace(/Bytes$/, "")]);
}
