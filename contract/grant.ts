import * as z from "zod";
import { MAX_GRANT_ENTRIES, MAX_PARTS } from "./limits.ts";
import { blobRef, sha256 } from "./manifest.ts";

const headers = z.lazy(() => z.record(z.string(), z.string()));

/**
 * Permission to PUT or GET one exact object: send `method url` with exactly these headers. Relative URLs (embedded
 * server) are relative to the server's own. Good until `expiresAt` (server's ms); after that ask `grants` again.
 */
const one = z.lazy(() =>
  z.looseObject({
    kind: z.literal("one"),
    method: z.enum(["PUT", "GET"]),
    url: z.string(),
    headers,
    expiresAt: z.int(),
    /**
     * Of a part whose beginning came before the connection broke: the store has kept its first `from` bytes, and takes the others by this
     * request instead. A store that keeps none says nothing.
     */
    rest: z.looseObject({ from: z.int().min(1), url: z.string(), headers }).optional(),
  }),
);

/**
 * Permission to PUT one large object in parts, resumable: `parts` lists those still missing among the ones asked for.
 * Part n (from 1) covers bytes (n-1)·partSize … of the file; each part's grant binds its own length and SHA-256, so it is asked
 * for with the part's hash (`grants` with `part`). End with the operation `completeUpload`.
 */
const parts = z.lazy(() =>
  z.looseObject({
    kind: z.literal("parts"),
    upload: z.string(),
    partSize: z.int(),
    /** Parts that the store already holds (resuming). */
    held: z.array(z.int()),
    expiresAt: z.int(),
  }),
);
/** The object is in the store already: send nothing. */
const held = z.lazy(() => z.looseObject({ kind: z.literal("held") }));
const refused = z.lazy(() => z.looseObject({ kind: z.literal("refused"), code: z.string(), message: z.string() }));

export const grant = z.lazy(() => z.discriminatedUnion("kind", [one, parts, held, refused]));
export type Grant = z.infer<typeof grant>;
export type OneGrant = z.infer<typeof one>;

const part = z.lazy(() =>
  z.strictObject({
    upload: z.string(),
    number: z.int().min(1).max(MAX_PARTS),
    size: z.int().min(1),
    sha256,
  }),
);

/**
 * What a grant is asked for. Submitters: `input` (upload an input of a job not yet released), `output` (download what task
 * `index` returned). Workers: `fetch` (download an input of a leased job), `deliver` (upload an output or log of task `index` under a lease).
 */
export const grantRequest = z.lazy(() =>
  z.discriminatedUnion("use", [
    z.strictObject({ use: z.literal("input"), job: z.string(), blob: blobRef, part: part.optional() }),
    z.strictObject({ use: z.literal("output"), job: z.string(), index: z.int(), blob: blobRef }),
    z.strictObject({ use: z.literal("fetch"), lease: z.string(), blob: blobRef }),
    z.strictObject({
      use: z.literal("deliver"),
      lease: z.string(),
      index: z.int(),
      blob: blobRef,
      part: part.optional(),
    }),
  ]),
);
export type GrantRequest = z.infer<typeof grantRequest>;

export const grantsRequest = z.lazy(() =>
  z.strictObject({ entries: z.array(grantRequest).min(1).max(MAX_GRANT_ENTRIES) }),
);
/** One grant for each entry, in the same order. */
export const grantsAnswer = z.lazy(() => z.looseObject({ items: z.array(grant) }));

export const completeUploadRequest = z.lazy(() =>
  z.strictObject({
    entry: grantRequest,
    upload: z.string(),
    parts: z
      .array(
        z.strictObject({
          number: z.int().min(1).max(MAX_PARTS),
          /** As the store answered the part's PUT; left out for a part that was `held`, because then only the store knows it. */
          etag: z.string().optional(),
          sha256,
        }),
      )
      .min(1)
      .max(MAX_PARTS),
  }),
);
