import { UnreachableError } from "../contract/client.ts";
import { AnsweredError, RendtError } from "../contract/errors.ts";
import type { BlobRef } from "../contract/manifest.ts";
import { DEFAULT_POLICY, pauseBeforeRetry } from "../contract/retry.ts";
import { asUnreachable } from "./exchange.ts";
import type { GrantDesk } from "./grant-desk.ts";
import { resolveGrantUrl, type Transfer, useGrant } from "./transfer.ts";

/**
 * Where the bytes of blobs come from, all or those from `from` on: the object store, or a cache before it. They are not verified; whoever
 * keeps them does that. Each piece is a buffer of its own, because writers gather several.
 */
export type BlobReader = (blob: BlobRef, from?: number) => AsyncIterable<Buffer>;

/** Reads blobs by grants: a cut connection goes on where it broke off, an expired grant is asked for again. */
export function createBlobReader(desk: GrantDesk, transfer: Reading): BlobReader {
  const policy = { ...(transfer.policy ?? DEFAULT_POLICY), repeatable: true, signal: transfer.signal };
  return async function* read(blob, from = 0) {
    let at = from;
    if (from > 0) transfer.onBytes?.(from);
    for (let attempt = 1; at < blob.size; attempt += 1) {
      const before = at;
      const leave = await transfer.down?.lanes.enter(transfer.signal);
      try {
        for await (const piece of readFrom(at, blob, { desk, transfer })) {
          at += piece.length;
          transfer.onBytes?.(piece.length);
          yield piece;
        }
        attempt = 0;
      } catch (error) {
        leave?.({ bytes: at - before, error });
        // As long as bytes come, a line may break as often as it likes.
        if (at > before) attempt = 1;
        await pauseBeforeRetry(error, { ...policy, attempt });
      } finally {
        leave?.({ bytes: at - before });
      }
    }
  };
}

type Reading = Pick<Transfer, "http" | "url" | "down" | "policy" | "onBytes" | "signal">;
type Source = { desk: GrantDesk; transfer: Reading };

async function* readFrom(start: number, blob: BlobRef, { desk, transfer }: Source): AsyncGenerator<Buffer> {
  const grant = await desk.take(blob);
  if (grant.kind !== "one")
    throw new RendtError("internal", `the server answered a download with a grant of kind ${grant.kind}`);
  const rate = transfer.down?.rate;
  // The system would take in megabytes ahead of a reader that is slow on purpose: under a bound no more is asked for than may come now.
  const end = rate ? Math.min(blob.size, start + rate.askBytes) : blob.size;
  await rate?.take(end - start, transfer.signal);
  const headers: Record<string, string> = {};
  if (start > 0 || end < blob.size) headers["range"] = `bytes=${start}-${end < blob.size ? end - 1 : ""}`;
  const answer = await useGrant(transfer, { grant, headers }).catch((error: unknown) => {
    if (error instanceof AnsweredError && error.code === "grant_refused") desk.drop(blob);
    throw error;
  });
  const url = resolveGrantUrl(transfer.url, grant.url);
  // A store that knows no ranges sends everything again.
  const inRange = answer.status === 206;
  let at = inRange ? start : 0;
  const body = answer.body as AsyncIterable<Buffer>;
  try {
    for await (const piece of rate && !inRange ? rate.pace(body, transfer.signal) : body) {
      const fresh = piece.subarray(Math.max(0, start - at));
      at += piece.length;
      if (at > blob.size)
        throw new RendtError("wrong_content", `blob ${blob.sha256} is longer than its ${blob.size} bytes`);
      if (fresh.length > 0) yield fresh;
    }
  } catch (error) {
    throw error instanceof RendtError ? error : asUnreachable(error, { url, sent: true, signal: transfer.signal });
  }
  if (at < (inRange ? end : blob.size))
    throw new UnreachableError(`blob ${blob.sha256} was cut at byte ${at}`, { url, sent: true });
}
