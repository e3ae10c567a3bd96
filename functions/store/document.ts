import { createHash } from "node:crypto";
import { RendtError } from "../../contract/errors.ts";
import { MAX_DOCUMENT_BYTES } from "../../contract/limits.ts";

/** The name of a document is the SHA-256 of its text; one that DynamoDB could not hold is refused everywhere. */
export function nameDocument(job: string, text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw new RendtError(
      "spec_too_large",
      `a document of job ${job} has ${bytes} bytes, at most ${MAX_DOCUMENT_BYTES} are kept`,
    );
  }
  return createHash("sha256").update(text).digest("hex");
}
