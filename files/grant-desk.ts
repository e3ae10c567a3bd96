import type { Grant } from "../contract/grant.ts";
import { MAX_GRANT_ENTRIES } from "../contract/limits.ts";
import type { BlobRef } from "../contract/manifest.ts";
import { asGrantRefusal, type Transfer } from "./transfer.ts";

/** Grants for the blobs of one transfer, asked for in batches shortly before they are used. */
export type GrantDesk = {
  take(blob: BlobRef): Promise<Exclude<Grant, { kind: "refused" }>>;
  /** The grant was refused or is of no more use: the next `take` asks for a fresh one. */
  drop(blob: BlobRef): void;
};

/** A batch is about as much as moves in a few minutes, so that no grant grows old on the pile. */
const BATCH_BYTES = 1024 * 1024 * 1024;
/** Two thirds of GRANT_MS by this machine's own clock: the server's may differ from it. */
const STALE_MS = 20 * 60_000;

/** `blobs` in the order in which they will be taken. */
export function createGrantDesk(transfer: Transfer, blobs: readonly BlobRef[]): GrantDesk {
  const order = new Map(blobs.map((blob, at) => [blob.sha256, at]));
  const held = new Map<string, { answer: Promise<Grant>; at: number }>();
  for (const [sha256, grant] of Object.entries(transfer.grants ?? {}))
    held.set(sha256, { answer: Promise.resolve(grant), at: performance.now() });

  const isHeld = (blob: BlobRef) => {
    const found = held.get(blob.sha256);
    return found !== undefined && performance.now() - found.at < STALE_MS;
  };

  function ask(first: BlobRef): void {
    const batch = [first];
    let bytes = first.size;
    for (let at = (order.get(first.sha256) ?? blobs.length) + 1; at < blobs.length; at += 1) {
      const next = blobs[at];
      if (!next || batch.length === MAX_GRANT_ENTRIES || bytes + next.size > BATCH_BYTES) break;
      if (isHeld(next)) continue;
      batch.push(next);
      bytes += next.size;
    }
    const entries = batch.map(transfer.entryOf);
    const asked = transfer.client.grants({ entries }, { signal: transfer.signal });
    batch.forEach((blob, index) => {
      const answer = asked.then(({ items }) => items[index] ?? missing);
      answer.catch(() => held.delete(blob.sha256));
      held.set(blob.sha256, { answer, at: performance.now() });
    });
  }

  return {
    async take(blob) {
      if (!isHeld(blob)) ask(blob);
      const grant = (await held.get(blob.sha256)?.answer) ?? missing;
      if (grant.kind !== "refused") return grant;
      held.delete(blob.sha256);
      throw asGrantRefusal(grant);
    },
    drop: (blob) => void held.delete(blob.sha256),
  };
}

const missing = { kind: "refused", code: "internal", message: "the server answered with too few grants" } as const;
