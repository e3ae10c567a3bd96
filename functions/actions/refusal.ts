import { RendtError } from "../../contract/errors.ts";

type Refusal = { code: string; message: string; hint: string; details: Record<string, unknown> };

/** A refusal of one entry of a batch; the others are answered for themselves. What the server itself failed on ends the request. */
export function toRefusal(error: unknown): Refusal {
  if (!(error instanceof RendtError) || error.status >= 500) throw error;
  const { code, message, hint, details } = error;
  return { code, message, hint, details };
}
