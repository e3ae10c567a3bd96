import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { RendtError } from "../../contract/errors.ts";
import type { BlobRef } from "../../contract/manifest.ts";

/** Sockets give 64 KiB at a time; writing 1 MiB at once takes a sixteenth of the trips to the thread pool. */
const BATCH_BYTES = 1024 * 1024;

/** What has arrived so far; `whole` tells that the file holds all of it, so that more may follow. */
export type Arrived = { hash: Hash; size: number; whole: boolean };

export const nothingYet = (): Arrived => ({ hash: createHash("sha256"), size: 0, whole: true });

/**
 * Writes a body to the end of a file, durably, while hashing it; `wrong_content` when with what had `arrived` it is not exactly the blob.
 * Memory stays at two batches: one is written while the next one arrives.
 */
export async function receive(
  body: AsyncIterable<Buffer>,
  file: FileHandle,
  { blob, arrived }: { blob: BlobRef; arrived: Arrived },
): Promise<void> {
  let batch: Buffer[] = [];
  let batchBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of body) {
      arrived.hash.update(chunk);
      arrived.size += chunk.length;
      batch.push(chunk);
      batchBytes += chunk.length;
      if (arrived.size > blob.size) break;
      if (batchBytes < BATCH_BYTES) continue;
      await writing;
      writing = writeAll(file, batch);
      // It is awaited at the next batch; a failure until then is not an unhandled one.
      writing.catch(() => {});
      batch = [];
      batchBytes = 0;
    }
  } finally {
    // The caller closes the file after a failure: nothing may still be writing to it then.
    arrived.whole = false;
    await writing;
    await writeAll(file, batch);
    arrived.whole = true;
  }
  const { size } = arrived;
  const sha256 = arrived.hash.digest("hex");
  if (size !== blob.size || sha256 !== blob.sha256) {
    throw new RendtError("wrong_content", `received ${size} bytes with SHA-256 ${sha256}, not what the grant is for`, {
      details: { size, sha256, expected: blob },
    });
  }
  await file.sync();
}

async function writeAll(file: FileHandle, chunks: Buffer[]): Promise<void> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (bytes === 0) return;
  const { bytesWritten } = await file.writev(chunks);
  // A nearly full disk takes less than it was given; the next call says why.
  if (bytesWritten < bytes) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}
