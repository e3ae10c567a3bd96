import * as z from "zod";
import { MAX_ARGUMENT_BYTES, MAX_SECRETS_BYTES, MIN_SECRET_BYTES } from "./limits.ts";
import { bytesOf, text, tooLarge } from "./text.ts";

/**
 * Environment variables that are hidden: taken out of logs and reasons before these are kept or sent, and never answered to anybody but the
 * worker that runs the job. No message of a mistake holds a value.
 */
export const secrets = z.lazy(() =>
  z
    .record(
      z.string(),
      text(MAX_ARGUMENT_BYTES).refine((value) => bytesOf(value) >= MIN_SECRET_BYTES, {
        message: `a secret needs at least ${MIN_SECRET_BYTES} bytes: a shorter one can't be told from other text`,
      }),
    )
    .superRefine((values, context) => {
      const odd = Object.keys(values).filter((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
      for (const name of odd)
        context.addIssue({ code: "custom", path: [name], message: "a name has letters, digits and _ only" });
      const size = Object.values(values).reduce((sum, value) => sum + bytesOf(value), 0);
      if (size > MAX_SECRETS_BYTES) context.addIssue(tooLarge("the secrets have", size, MAX_SECRETS_BYTES));
    }),
);
