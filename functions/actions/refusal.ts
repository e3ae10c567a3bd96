import { RendtError } from "../../contract/errors.ts";

type Refusal = { code: string; message: string; hint: string; details: Record<string, unknown> };

/** A refusal of one entry of a batch; the others are answered for themselves. Anything unforeseen still ends the request. */
export function toRefusal(error: unknown): Refusal {
  if (!(error instanceof RendtError) || error.code === "internal") throw error;
  const { code, message, hint, details } = error;
  return { code, message, hint, details };
}
