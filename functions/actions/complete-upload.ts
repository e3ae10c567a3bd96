import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { Call } from "./call.ts";
import { createPermits } from "./permits.ts";

/** Joins the parts of an upload; who may upload the object may also end its upload. */
export async function completeUpload(
  call: Call,
  { entry, upload, parts }: ParsedRequestOf<"completeUpload">,
): Promise<AnswerOf<"completeUpload">> {
  const permits = createPermits(call);
  if (entry.use !== "input" && entry.use !== "deliver") {
    throw new RendtError("bad_request", `'${entry.use}' is a download: only uploads end`);
  }
  const { key } = entry.use === "input" ? await permits.input(entry) : await permits.deliver(entry);
  await call.world.blobs.completeParts(key, entry.blob, upload, parts);
  return { ok: true };
}
