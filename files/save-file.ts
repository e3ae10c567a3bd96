import { createHash, type Hash, hash } from "node:crypto";
import { closeSync, fchmodSync, openSync, writeFileSync } from "node:fs";
import { constants, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { RendtError } from "../contract/errors.ts";
import type { BlobRef } from "../contract/manifest.ts";
import { isWorthRetry } from "../contract/retry.ts";
import { asDiskError } from "./disk-error.ts";
import { createPartFiles, endPart, type PartFiles } from "./part-files.ts";
import { READ_BYTES } from "./read-file.ts";

export type Target = {
  path: string;
  mode: number;
  /** What earlier fetches left here; looked for anew when absent. */
  parts?: PartFiles | undefined;
};

const WRITE_BYTES = 1024 * 1024;
/** Less than this is not worth an unfinished file in somebody's folder. */
const KEPT_FROM_BYTES = 1024 * 1024;

/**
 * Writes a stream of bytes under a temporary name, verifies size and SHA-256, then gives the file its name. What an earlier try left of these
 * very bytes is kept: `read` is asked for those from there on.
 */
export async function saveStream(
  read: (from: number) => AsyncIterable<Buffer>,
  blob: BlobRef,
  target: Target,
): Promise<void> {
  let resumed = false;
  const write = async (handle: FileHandle, left: boolean): Promise<void> => {
    const digest = createHash("sha256");
    const from = left ? await hashLeft(handle, blob, digest) : 0;
    resumed = from > 0;
    const size = await pour(read(from), handle, { digest, at: from });
    assertContent({ sha256: digest.digest("hex"), size }, blob, target.path);
  };
  try {
    await saveAs(target, blob, write);
  } catch (error) {
    // A crash may have left bytes that were never written; without them it begins anew, once.
    if (!resumed || !(error instanceof RendtError) || error.code !== "wrong_content") throw error;
    await saveAs(target, blob, write);
  }
}

/** Takes what is in the file into the hash; answers how much that is. */
async function hashLeft(handle: FileHandle, { size }: BlobRef, digest: Hash): Promise<number> {
  const left = (await handle.stat()).size;
  if (left > size) await handle.truncate(0);
  if (left === 0 || left > size) return 0;
  const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, left));
  let at = 0;
  while (at < left) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    digest.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return at;
}

type Progress = { digest: Hash; at: number };

/** While one MiB is being written the next is received and hashed. What came before the stream broke is written too. */
async function pour(pieces: AsyncIterable<Buffer>, handle: FileHandle, { digest, at }: Progress): Promise<number> {
  let end = at;
  let start = at;
  let gathered: Buffer[] = [];
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    await writing;
    if (end > start) writing = writeAll(handle, gathered, start);
    writing.catch(() => undefined);
    gathered = [];
    start = end;
  };
  try {
    for await (const piece of pieces) {
      digest.update(piece);
      gathered.push(piece);
      end += piece.length;
      if (end - start >= WRITE_BYTES) await flush();
    }
  } finally {
    await flush();
    await writing;
  }
  return end;
}

/** A nearly full disk takes less than it was given; the next call says why. */
async function writeAll(handle: FileHandle, pieces: readonly Buffer[], at: number): Promise<void> {
  const { bytesWritten } = await handle.writev(pieces, at);
  let rest = Buffer.alloc(0);
  if (bytesWritten < pieces.reduce((sum, { length }) => sum + length, 0))
    rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let done = 0; done < rest.length; )
    done += (await handle.write(rest, done, rest.length - done, at + bytesWritten + done)).bytesWritten;
}

/** Writes a small file whose bytes are in memory; they are verified first. */
export async function saveBytes(bytes: Buffer, blob: BlobRef, target: Target): Promise<void> {
  assertContent({ sha256: hash("sha256", bytes), size: bytes.length }, blob, target.path);
  await saveAs(target, blob, async (handle, left) => {
    if (left) await handle.truncate(0);
    await handle.writeFile(bytes);
  });
}

/** The same at once and under its own name, where nothing has that name yet and nobody looks meanwhile. */
export function createFile(bytes: Buffer, blob: BlobRef, { path, mode }: Pick<Target, "path" | "mode">): void {
  assertContent({ sha256: hash("sha256", bytes), size: bytes.length }, blob, path);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    const file = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      writeFileSync(file, bytes);
      fchmodSync(file, mode);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw asDiskError(error, "write", path);
  }
}

export function assertContent(found: BlobRef, expected: BlobRef, path: string): void {
  if (found.size === expected.size && found.sha256 === expected.sha256) return;
  const message = `${JSON.stringify(path)} did not arrive as it was sent: ${found.size} bytes with SHA-256 ${found.sha256}`;
  throw new RendtError("wrong_content", `${message}, expected ${expected.size} with ${expected.sha256}`, {
    details: { path, found, expected },
  });
}

/** The temporary file lies in the same folder, so that rename replaces whatever has the name, never what a link leads to. */
async function saveAs(
  { path, mode, parts = createPartFiles() }: Target,
  { sha256 }: BlobRef,
  write: (handle: FileHandle, left: boolean) => Promise<void>,
): Promise<void> {
  let temporary: string | undefined;
  try {
    const part = await parts.take(path, sha256);
    temporary = part.path;
    const { handle, left } = await openPart(part);
    try {
      await write(handle, left);
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    const error = asDiskError(cause, "write", path);
    if (temporary !== undefined && !(await isWorthKeeping(temporary, error))) await rm(temporary, { force: true });
    throw error;
  } finally {
    if (temporary !== undefined) endPart(temporary);
  }
}

/** When the line broke or somebody stopped it, another try goes on; all else would fail again. */
async function isWorthKeeping(path: string, error: unknown): Promise<boolean> {
  if (error instanceof RendtError && !isWorthRetry(error, { repeatable: true })) return false;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.size >= KEPT_FROM_BYTES;
}

/**
 * What was left is gone on with only if it is a plain file of our own with no other name: writing to it must change nothing else, and nobody
 * may change it after it was verified.
 */
async function openPart({ path, left }: { path: string; left: boolean }) {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
  if (left) {
    const handle = await open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
    const stats = await handle?.stat();
    if (handle && stats?.isFile() && stats.nlink === 1 && stats.uid === (process.geteuid?.() ?? stats.uid))
      return { handle, left };
    await handle?.close();
    await rm(path, { force: true });
  }
  return { handle: await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), left: false };
}
