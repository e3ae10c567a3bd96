import type { BlobRef } from "../contract/manifest.ts";
import { mapAhead } from "./parallel.ts";
import { openUnchanged, readPieces, readSmallFile, type Span } from "./read-file.ts";
import type { FileItem } from "./tree-item.ts";

/**
 * A blob to be sent and where its bytes come from: a file, small files one after the other, or memory. `parts` are the hashes of the
 * pieces of a large file, taken in the same reading as its own, so that a file that changes later can't be sent as what it was.
 */
export type BlobSource = BlobRef &
  (
    | { from: "file"; item: FileItem; parts?: { size: number; sha256: string[] } | undefined }
    | { from: "pack"; members: readonly FileItem[] }
    | { from: "memory"; bytes: Uint8Array }
  );

export const blobOf = ({ sha256, size }: BlobSource): BlobRef => ({ sha256, size });

const READ_AHEAD = 8;

/** The bytes of a blob, or those from `start` up to `end` of a file's. They are read when asked for, so that memory stays flat. */
export function readSource(source: BlobSource, span?: Span): AsyncIterable<Uint8Array> {
  if (source.from === "file") return readPieces(source.item, span);
  if (source.from === "pack") return mapAhead(source.members, READ_AHEAD, readSmallFile);
  return readMemory(source.bytes.subarray(span?.start, span?.end));
}

async function* readMemory(bytes: Uint8Array) {
  yield bytes;
}

/** Throws `wrong_content`, naming the file, when one of a blob's is no longer what it was. */
export async function assertUnchanged(source: BlobSource): Promise<void> {
  const items = source.from === "file" ? [source.item] : source.from === "pack" ? source.members : [];
  for (const item of items) await (await openUnchanged(item)).close();
}

/** What a blob is called in a message to people. */
export function nameOf(source: BlobSource): string {
  if (source.from === "file") return JSON.stringify(source.item.source);
  const [first, ...more] = source.from === "pack" ? source.members : [];
  if (!first) return `blob ${source.sha256}`;
  return more.length === 0 ? JSON.stringify(first.source) : `${JSON.stringify(first.source)} and ${more.length} more`;
}
