import { createHash } from "node:crypto";
import type { Grant, GrantRequest } from "../contract/grant.ts";
import { DEFAULT_POLICY, withRetry } from "../contract/retry.ts";
import { type BlobSource, blobOf, readSource } from "./blob-source.ts";
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
  const held = new Set(grant.held);
  const done: Done[] = [];
  const missing: number[] = [];
  for (let number = 1; (number - 1) * grant.partSize < source.size; number += 1) {
    if (!held.has(number)) missing.push(number);
    else {
      const part = await partOf(source, grant, number);
      done.push({ number, sha256: part.sha256 });
      transfer.onBytes?.(part.span.end - part.span.start);
    }
  }

  const parallel = { limit: MOST_LANES, signal: transfer.signal };
  await forEachParallel(granted(missing, upload), parallel, async ({ part, first }, signal) => {
    const one = { ...transfer, signal };
    let given = first;
    const send = async () => {
      const permission = given ?? (await grantsOf([part], { ...upload, transfer: one }))[0];
      given = undefined;
      if (permission?.kind === "refused") throw asGrantRefusal(permission);
      if (permission?.kind !== "one") return undefined;
      return put(source, { grant: permission, lanes, transfer: one, span: part.span });
    };
    const etag = await withRetry(send, { ...(transfer.policy ?? DEFAULT_POLICY), repeatable: true, signal });
    done.push({ number: part.number, sha256: part.sha256, ...(etag === undefined ? {} : { etag }) });
  });

  const parts = done.sort((a, b) => a.number - b.number);
  const request = { entry: transfer.entryOf(blobOf(source)), upload: grant.upload, parts };
  await transfer.client.completeUpload(request, { signal: transfer.signal });
}

/** The parts, each with the grant for its first try. */
async function* granted(missing: readonly number[], upload: Upload): AsyncGenerator<{ part: Part; first?: Grant }> {
  for (let at = 0; at < missing.length; at += GRANT_BATCH) {
    const parts: Part[] = [];
    for (const number of missing.slice(at, at + GRANT_BATCH))
      parts.push(await partOf(upload.source, upload.grant, number));
    const grants = await grantsOf(parts, upload);
    for (const [index, part] of parts.entries()) {
      const first = grants[index];
      yield first ? { part, first } : { part };
    }
  }
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

/** Its hash comes from the reading that named the file, or, when the server cuts otherwise, from reading the part once more. */
async function partOf(source: BlobSource, { partSize }: PartsGrant, number: number): Promise<Part> {
  const start = (number - 1) * partSize;
  const span = { start, end: Math.min(start + partSize, source.size) };
  const known = source.from === "file" && source.parts?.size === partSize ? source.parts.sha256[number - 1] : undefined;
  if (known !== undefined) return { number, span, sha256: known };
  const hash = createHash("sha256");
  for await (const piece of readSource(source, span)) hash.update(piece);
  return { number, span, sha256: hash.digest("hex") };
}
