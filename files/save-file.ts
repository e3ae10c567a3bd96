import { createHash, hash, randomBytes } from "node:crypto";
import { constants, type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import type { BlobRef } from "../contract/manifest.ts";
import { asDiskError } from "./disk-error.ts";

export type Target = { path: string; mode: number };

const WRITE_BYTES = 1024 * 1024;

/** Writes a stream of bytes under a temporary name, verifies size and SHA-256, then gives the file its name. */
export async function saveStream(pieces: AsyncIterable<Buffer>, blob: BlobRef, target: Target): Promise<void> {
  await saveAs(target, async (handle) => {
    const digest = createHash("sha256");
    let size = 0;
    let gathered: Buffer[] = [];
    let bytes = 0;
    // While one MiB is being written the next is received and hashed.
    let writing: Promise<unknown> = Promise.resolve();
    const flush = async () => {
      await writing;
      if (gathered.length > 0) writing = handle.writev(gathered);
      writing.catch(() => undefined);
      gathered = [];
      bytes = 0;
    };
    for await (const piece of pieces) {
      digest.update(piece);
      size += piece.length;
      gathered.push(piece);
      bytes += piece.length;
      if (bytes >= WRITE_BYTES) await flush();
    }
    await flush();
    await writing;
    assertContent({ sha256: digest.digest("hex"), size }, blob, target.path);
  });
}

/** Writes a small file whose bytes are in memory; they are verified first. */
export async function saveBytes(bytes: Buffer, blob: BlobRef, target: Target): Promise<void> {
  assertContent({ sha256: hash("sha256", bytes), size: bytes.length }, blob, target.path);
  await saveAs(target, async (handle) => {
    await handle.writeFile(bytes);
  });
}

export function assertContent(found: BlobRef, expected: BlobRef, path: string): void {
  if (found.size === expected.size && found.sha256 === expected.sha256) return;
  const message = `${JSON.stringify(path)} did not arrive as it was sent: ${found.size} bytes with SHA-256 ${found.sha256}`;
  throw new RendtError("wrong_content", `${message}, expected ${expected.size} with ${expected.sha256}`, {
    details: { path, found, expected },
  });
}

/** The temporary file is made new and lies in the same folder, so that rename replaces whatever has the name, never what a link leads to. */
async function saveAs({ path, mode }: Target, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.rendt-${randomBytes(6).toString("hex")}.part`);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await write(handle);
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskError(error, "write", path);
  }
}
