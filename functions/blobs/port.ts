import type { OneGrant } from "../../contract/grant.ts";
import type { BlobRef } from "../../contract/manifest.ts";

/**
 * Where bytes lie. Keys are made by the server only (functions/blobs/keys.ts) and end in the SHA-256 of what they name:
 * inputs `blob/<owner>/<yyyymm>/<sha256>`, outputs and logs `out/<job>/<index>/<lease>/<sha256>`, builds
 * of the worker `build/<sha256>`. An object is there whole, verified
 * and durable, or not at all; it never changes.
 */
export type Blobs = {
  /** Permission to PUT exactly this content under a key, once (a second PUT is answered 412), until `expiresAt`. */
  grantPut(key: string, blob: BlobRef, expiresAt: number): Promise<OneGrant>;
  /** Permission to GET an object, whole or by range. The answer's headers force a download, never a page. */
  grantGet(key: string, expiresAt: number): Promise<OneGrant>;

  /** Begins (or finds again, for the same key and content) an upload in parts; `held`: parts that arrived, ascending. */
  startParts(key: string, blob: BlobRef): Promise<{ upload: string; partSize: number; held: number[] }>;
  grantPart(
    key: string,
    part: { upload: string; number: number; size: number; sha256: string },
    expiresAt: number,
  ): Promise<OneGrant>;
  /**
   * Joins the parts, all of them in order; `wrong_content` when one did not arrive or they do not make up the blob's size,
   * `grant_refused` when the upload is gone (begin anew). Completing again is nothing.
   */
  completeParts(
    key: string,
    blob: BlobRef,
    upload: string,
    parts: readonly { number: number; sha256: string }[],
  ): Promise<void>;

  /** Size and, where the store can vouch for it, SHA-256 of an object; undefined when it is missing. */
  head(key: string): Promise<{ size: number; sha256?: string } | undefined>;
  /** Small objects of our own: a stored manifest that the server itself has to read. Above `limitBytes`: `body_too_large`. */
  read(key: string, limitBytes: number): Promise<Uint8Array | undefined>;
  /**
   * Removes all objects below a prefix of whole segments. `named` are those that the records know of: a store that can't be listed removes
   * these, and leaves to its lifecycle rules what a worker uploaded and never handed in.
   */
  remove(prefix: string, named: AsyncIterable<string>): Promise<void>;
};
