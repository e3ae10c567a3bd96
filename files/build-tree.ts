import { hash } from "node:crypto";
import { RendtError } from "../contract/errors.ts";
import {
  MAX_BLOB_BYTES,
  MAX_INLINE_MANIFEST_BYTES,
  MAX_MANIFEST_ENTRIES,
  PACKED_FILE_BYTES,
} from "../contract/limits.ts";
import { blobsOf, type Manifest, type ManifestEntry, type Tree } from "../contract/manifest.ts";
import type { BlobSource } from "./blob-source.ts";
import { hashFile } from "./hash-file.ts";
import { assertLinksStayInside } from "./link-check.ts";
import { packFiles } from "./pack.ts";
import { forEachParallel } from "./parallel.ts";
import { entryOf, type FileItem, type TreeItem } from "./tree-item.ts";

/** A tree of files, named by content, and the blobs that have to be in the store before anybody can read it, each once. */
export type BuiltTree = { tree: Tree; manifest: Manifest; sources: BlobSource[]; bytes: number };

export type BuildOptions = {
  /** Hears of each piece that was read, for a progress bar. */
  onBytes?: ((bytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
};

const HASH_PARALLEL = 4;
/** The tree of a manifest with more blobs than this is refused by its schema. */
const MAX_BLOBS = 20_000;

/**
 * Names the content of everything in a tree: hashes files by streaming, joins small ones into packs. Nothing is copied; memory stays flat
 * whatever the sizes. A file that changes meanwhile is `wrong_content`.
 */
export async function buildTree(items: readonly TreeItem[], options: BuildOptions = {}): Promise<BuiltTree> {
  if (items.length > MAX_MANIFEST_ENTRIES)
    throw new RendtError(
      "bad_request",
      `${items.length} files and folders, at most ${MAX_MANIFEST_ENTRIES} go into one tree`,
    );
  const files = items.filter((item) => item.kind === "file");
  const packed = await packFiles(files.filter(isSmall), options);
  const large = await hashLarge(
    files.filter((file) => !isSmall(file)),
    options,
  );

  const entries: ManifestEntry[] = [...packed.entries];
  const sources = new Map(packed.sources.map((source) => [source.sha256, source]));
  for (const { item, source } of large) {
    entries.push(entryOf(item, source));
    sources.set(source.sha256, source);
  }
  for (const item of items) {
    if (item.kind === "dir") entries.push({ kind: "dir", path: item.path, mode: item.mode });
    if (item.kind === "link") entries.push({ kind: "link", path: item.path, target: item.target });
  }
  assertLinksStayInside(entries);
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest = { entries, packs: packed.packs };
  const bytes = files.reduce((sum, file) => sum + file.seen.size, 0);
  return { ...wrap(manifest, [...sources.values()]), manifest, bytes };
}

const isSmall = (file: FileItem): boolean => file.seen.size <= PACKED_FILE_BYTES;

async function hashLarge(files: readonly FileItem[], options: BuildOptions) {
  const hashed: { item: FileItem; source: BlobSource }[] = [];
  const tooLarge = files.find((file) => file.seen.size > MAX_BLOB_BYTES);
  if (tooLarge)
    throw new RendtError(
      "bad_request",
      `${JSON.stringify(tooLarge.source)} has ${tooLarge.seen.size} bytes, at most ${MAX_BLOB_BYTES} are allowed`,
    );
  const parallel = { limit: HASH_PARALLEL, signal: options.signal };
  await forEachParallel(files, parallel, async (item, signal) => {
    hashed.push({ item, source: await hashFile(item, { ...options, signal }) });
  });
  return hashed;
}

/** A long manifest travels as a blob of its own. */
function wrap(manifest: Manifest, sources: BlobSource[]): { tree: Tree; sources: BlobSource[] } {
  const bytes = Buffer.from(JSON.stringify(manifest));
  if (bytes.length <= MAX_INLINE_MANIFEST_BYTES) return { tree: { manifest }, sources };
  const blobs = blobsOf({ manifest });
  if (blobs.length > MAX_BLOBS)
    throw new RendtError(
      "bad_request",
      `${blobs.length} files larger than ${PACKED_FILE_BYTES} bytes, at most ${MAX_BLOBS} go into one tree`,
    );
  const stored = { sha256: hash("sha256", bytes), size: bytes.length };
  return { tree: { stored, blobs }, sources: [...sources, { ...stored, from: "memory", bytes }] };
}
