import * as z from "zod";
import { grant } from "./grant.ts";
import { MAX_BUILD_BYTES } from "./limits.ts";
import { sha256 } from "./manifest.ts";

/** An Ed25519 public key: its 32 bytes as base64url (the `x` of RFC 8037). */
export const publisherKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "a publisher's key: 32 bytes as base64url, 43 characters");
const signature = z.string().regex(/^[A-Za-z0-9_-]{86}$/, "an Ed25519 signature: 64 bytes as base64url");

/** What the operator says of a build: one file of JavaScript that `node FILE worker start` runs. */
export const build = z.lazy(() =>
  z.strictObject({
    version: z
      .string()
      .max(50)
      .regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, "a version such as 1.2.3 or 1.2.3-rc.1"),
    sha256,
    size: z.int().min(1).max(MAX_BUILD_BYTES),
    /** The protocol that it speaks: a server of another one would send it away. */
    protocol: z.int().min(1),
  }),
);
export type Build = z.infer<typeof build>;

/** The key `to` may sign from now on, says the key `from`. */
const handover = z.lazy(() => z.strictObject({ from: publisherKey, to: publisherKey, signature }));
export type Handover = z.infer<typeof handover>;

/**
 * A build that workers may install. `statement` is the JSON of a `build`, kept as the very text that was signed; `handovers` lead from
 * earlier keys of the operator to `key`, oldest first.
 */
export const buildOffer = z.lazy(() =>
  z.strictObject({
    statement: z.string().max(1000),
    key: publisherKey,
    signature,
    handovers: z.array(handover).max(32),
  }),
);
export type BuildOffer = z.infer<typeof buildOffer>;

export const publishRequest = z.lazy(() => z.strictObject({ offer: buildOffer }));
/** The first answer holds the grant to upload the build by; the same request, sent again after that, publishes it. */
export const publishAnswer = z.lazy(() => z.looseObject({ published: z.boolean(), grant: grant.optional() }));
/** What is published now, and the grant to download it by; nothing where nothing was. */
export const latestBuildAnswer = z.lazy(() =>
  z.looseObject({ offer: buildOffer.optional(), grant: grant.optional(), protocol: z.int() }),
);
