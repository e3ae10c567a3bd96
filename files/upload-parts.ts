import { createHash } from "node:crypto";
import { RendtError } from "../contract/errors.ts";
import type { Grant, GrantRequest } from "../contract/grant.ts";
import { DEFAULT_POLICY, withRetry } from "../contract/retry.ts";
import { type BlobSource, blobOf, nameOf, readSource } from "./blob-source.ts";
import { type Lanes, MOST_LANES } from "./lanes.ts";
import { forEachParallel } from "./parallel.ts";
import { put } from "./put.ts";
import type { Span } from "./read-file.ts";
import { asGrantRefusal, type Transfer } from "./transfer.ts";

type PartsGrant = Extract<Grant, { kind: "parts" }>;
type Part = { number: number; span: Span; sha256: string };
type Done = { number: number; etag?: string; sha256: string };

/** Grants for so many parts are asked for at once, while those before are sent: half a GiB at most, so that none grows old. */
const GRANT_BATCH = 16;

type Upload = { source: BlobSource; grant: PartsGrant; lanes: Lanes; transfer: Transfer };

/** Sends the parts of a large blob that the store does not hold yet, then has them joined. */
export async function uploadParts(upload: Upload): Promise<void> {
  const { source, grant, lanes, transfer } = upload;
  const done: Done[] = [];
  const parallel = { limit: MOST_LANES, signal: transfer.signal };
  await forEachParallel(steps(upload), parallel, async ({ part, isHeld, first }, signal) => {
    const { number, span, sha256 } = part;
    if (isHeld) {
      done.push({ number, sha256 });
      transfer.onBytes?.(span.end - span.start);
      return;
    }
    const one = { ...transfer, signal };
    let given = first;
    const send = async () => {
      const permission = given ?? (await grantsOf([part], { ...upload, transfer: one }))[0];
      given = undefined;
      if (permission?.kind === "refused") throw asGrantRefusal(permission);
      if (permission?.kind !== "one") return undefined;
      return put(source, { grant: permission, lanes, transfer: one, span });
    };
    const etag = await withRetry(send, { ...(transfer.policy ?? DEFAULT_POLICY), repeatable: true, signal });
    done.push({ number, sha256, ...(etag === undefined ? {} : { etag }) });
  });

  const parts = done.sort((a, b) => a.number - b.number);
  const request = { entry: transfer.entryOf(blobOf(source)), upload: grant.upload, parts };
  await transfer.client.completeUpload(request, { signal: transfer.signal });
}

/** `first`: the grant for the first try of a part that is missing. */
type Step = { part: Part; isHeld?: true; first?: Grant | undefined };

async function* steps(upload: Upload): AsyncGenerator<Step> {
  const held = new Set(upload.grant.held);
  let missing: Part[] = [];
  for await (const part of partsOf(upload)) {
    if (held.has(part.number)) yield { part, isHeld: true };
    else if (missing.push(part) === GRANT_BATCH) {
      yield* granted(missing, upload);
      missing = [];
    }
  }
  if (missing.length > 0) yield* granted(missing, upload);
}

async function* granted(parts: readonly Part[], upload: Upload): AsyncGenerator<Step> {
  const grants = await grantsOf(parts, upload);
  for (const [index, part] of parts.entries()) yield { part, first: grants[index] };
}

async function grantsOf(parts: readonly Part[], { source, grant, transfer }: Upload): Promise<Grant[]> {
  const entries = parts.map(({ number, span, sha256 }) =>
    withPart(transfer.entryOf(blobOf(source)), { upload: grant.upload, number, size: span.end - span.start, sha256 }),
  );
  return (await transfer.client.grants({ entries }, { signal: transfer.signal })).items;
}

type PartRequest = Extract<GrantRequest, { part?: unknown }>["part"];

function withPart(entry: GrantRequest, part: PartRequest): GrantRequest {
  if (entry.use === "input" || entry.use === "deliver") return { ...entry, part };
  throw new Error(`nothing is uploaded with a grant to ${entry.use}`);
}

/**
 * The parts in order. Their hashes come from the reading that named the file, or, when the server cuts otherwise, from one more. Then the
 * whole is hashed once more too: what changed without a trace since would be stored under the name of what it was, and no store would notice.
 */
async function* partsOf({ source, grant: { partSize } }: Upload): AsyncGenerator<Part> {
  const known = source.from === "file" && source.parts?.size === partSize ? source.parts.sha256 : undefined;
  const whole = createHash("sha256");
  for (let number = 1; (number - 1) * partSize < source.size; number += 1) {
    const start = (number - 1) * partSize;
    const span = { start, end: Math.min(start + partSize, source.size) };
    const hash = createHash("sha256");
    if (!known)
      for await (const piece of readSource(source, span)) for (const each of [hash, whole]) each.update(piece);
    yield { number, span, sha256: known?.[number - 1] ?? hash.digest("hex") };
  }
  if (!known && whole.digest("hex") !== source.sha256)
    throw new RendtError("wrong_content", `${nameOf(source)} changed while it was being sent`);
}
