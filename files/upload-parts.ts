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

/** Grants for so many parts are asked for at once: half a GiB, which a slow line moves well before they expire. */
const GRANT_BATCH = 16;

/** Sends the parts of a large blob that the store does not hold yet, then has them joined. */
export async function uploadParts(upload: Upload): Promise<void> {
  const { source, grant, transfer } = upload;
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
  for (let at = 0; at < missing.length; at += GRANT_BATCH)
    done.push(...(await uploadBatch(missing.slice(at, at + GRANT_BATCH), upload)));

  const parts = done.sort((a, b) => a.number - b.number);
  const request = { entry: transfer.entryOf(blobOf(source)), upload: grant.upload, parts };
  await transfer.client.completeUpload(request, { signal: transfer.signal });
}

type Upload = { source: BlobSource; grant: PartsGrant; lanes: Lanes; transfer: Transfer };

async function uploadBatch(numbers: number[], upload: Upload): Promise<Done[]> {
  const { source, grant, lanes, transfer } = upload;
  const parts: Part[] = [];
  for (const number of numbers) parts.push(await partOf(source, grant, number));
  const fresh = new Map((await grantsOf(parts, upload)).map((one, index) => [parts[index]?.number, one]));
  const done: Done[] = [];
  const parallel = { limit: MOST_LANES, signal: transfer.signal };
  await forEachParallel(parts, parallel, async (part, signal) => {
    const one = { ...transfer, signal };
    const send = async () => {
      const [permission] = fresh.has(part.number)
        ? [fresh.get(part.number)]
        : await grantsOf([part], { ...upload, transfer: one });
      fresh.delete(part.number);
      if (permission?.kind === "refused") throw asGrantRefusal(permission);
      if (permission?.kind !== "one") return undefined;
      return put(source, { grant: permission, lanes, transfer: one, span: part.span });
    };
    const etag = await withRetry(send, { ...(transfer.policy ?? DEFAULT_POLICY), repeatable: true, signal });
    done.push({ number: part.number, sha256: part.sha256, ...(etag === undefined ? {} : { etag }) });
  });
  return done;
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
