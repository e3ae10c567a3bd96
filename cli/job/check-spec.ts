import { RendtError } from "../../contract/errors.ts";
import { jobSpec } from "../../contract/job.ts";
import type { Order } from "../../sdk/order.ts";
import { usage } from "../failure.ts";

const schema = jobSpec.omit({ inputs: true });

/** The contract's own check, before anything is read or sent: mistakes are told in the words of the options, all together. */
export function assertGoodSpec(spec: Order["spec"]): void {
  const parsed = schema.safeParse(spec);
  if (parsed.success) return;
  const { issues } = parsed.error;
  const tooLarge = issues.find((issue) => issue.code === "too_big" && issue.origin === "string");
  if (tooLarge) throw new RendtError("spec_too_large", `${wordOf(tooLarge.path)}: ${tooLarge.message}`);
  throw usage(issues.map(({ path, message }) => `${wordOf(path)}: ${message}`));
}

/** `timeoutMs` is --timeout, `successCodes` is --success-codes; `env.A` is A of --env. */
function wordOf([field = "", ...rest]: readonly PropertyKey[]): string {
  // Limits are options of their own: `limits.memoryBytes` is --memory.
  if (field === "limits" && rest.length > 0) return wordOf([String(rest[0]).replace(/Bytes$/, "")]);
  const word = String(field)
    .replace(/Ms$/, "")
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const named = word === "command" ? word : `--${word === "outputs" ? "output" : word}`;
  return word === "command" || rest.length === 0 ? named : `${named} ${rest.join(".")}`;
}
