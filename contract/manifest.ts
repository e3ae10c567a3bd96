import * as z from "zod";
import { INLINE_PACK_BYTES, MAX_BLOB_BYTES, MAX_MANIFEST_ENTRIES, MAX_PACK_BYTES, MAX_PATH_BYTES } from "./limits.ts";
import { explainBadLink, relativePath } from "./paths.ts";

/** SHA-256 in lower-case hexadecimal. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");

/** Bytes in the object store, named by what they are. */
export const blobRef = z.lazy(() => z.strictObject({ sha256, size: z.int().min(0).max(MAX_BLOB_BYTES) }));
export type BlobRef = z.infer<typeof blobRef>;

const mode = z.int().min(0).max(0o777);

/** A file's bytes are a blob named by its own SHA-256, or `size` bytes at `offset` of pack number `pack`. */
const fileEntry = z.lazy(() =>
  z.strictObject({
    kind: z.literal("file"),
    path: relativePath,
    size: z.int().min(0).max(MAX_BLOB_BYTES),
    sha256,
    mode,
    pack: z.strictObject({ index: z.int().min(0), offset: z.int().min(0) }).optional(),
    /** Of inputs: the position of the one task that gets it. All tasks get what has none. */
    task: z.int().min(0).optional(),
  }),
);
const folderEntry = z.lazy(() => z.strictObject({ kind: z.literal("dir"), path: relativePath, mode }));
const linkEntry = z.lazy(() =>
  z.strictObject({
    kind: z.literal("link"),
    path: relativePath,
    target: z.string().min(1).max(MAX_PATH_BYTES),
  }),
);

export const manifestEntry = z.lazy(() => z.discriminatedUnion("kind", [fileEntry, folderEntry, linkEntry]));
export type ManifestEntry = z.infer<typeof manifestEntry>;
export type FileEntry = z.infer<typeof fileEntry>;

/** Many small files joined; a pack of at most 8 KiB carries its bytes itself (`data`, base64). */
export const pack = z.lazy(() =>
  z.strictObject({
    sha256,
    size: z.int().min(0).max(MAX_PACK_BYTES),
    data: z
      .base64()
      .max(Math.ceil(INLINE_PACK_BYTES / 3) * 4)
      .optional(),
  }),
);
export type Pack = z.infer<typeof pack>;

/** A tree of files. Paths are unique, a folder comes before what is in it, and nothing lies below a file or a link. */
export const manifest = z.lazy(() =>
  z
    .strictObject({ entries: z.array(manifestEntry).max(MAX_MANIFEST_ENTRIES), packs: z.array(pack).default([]) })
    .superRefine((value, context) => {
      for (const message of explainBadTree(value))
        context.addIssue({ code: "custom", message, params: { rendt: "bad_path" } });
    }),
);
export type Manifest = z.infer<typeof manifest>;

/** Says what is wrong between entries that are each good for themselves. */
export function explainBadTree({ entries, packs }: { entries: readonly ManifestEntry[]; packs: readonly Pack[] }) {
  const kinds = new Map<string, string>();
  const reasons: string[] = [];
  for (const entry of entries) {
    if (kinds.has(entry.path)) reasons.push(`path ${JSON.stringify(entry.path)} is given twice`);
    kinds.set(entry.path, entry.kind);
    if (entry.kind === "link") {
      const reason = explainBadLink(entry.path, entry.target);
      if (reason) reasons.push(`bad link ${JSON.stringify(entry.path)}: ${reason}`);
    }
    if (entry.kind === "file" && entry.pack) {
      const holder = packs[entry.pack.index];
      if (!holder || entry.pack.offset + entry.size > holder.size)
        reasons.push(`file ${JSON.stringify(entry.path)} lies outside its pack`);
    }
  }
  for (const path of kinds.keys()) {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
      const above = kinds.get(path.slice(0, cut));
      if (above && above !== "dir") reasons.push(`path ${JSON.stringify(path)} lies below a ${above}`);
    }
  }
  return reasons;
}

/**
 * A manifest where it is needed: the thing itself, or, when its JSON is longer than 48 KiB, the blob that holds it.
 * `blobs` are all blobs that the tree needs, the manifest's own included, each once.
 */
export const tree = z.lazy(() =>
  z.union([z.strictObject({ manifest }), z.strictObject({ stored: blobRef, blobs: z.array(blobRef).max(20_000) })]),
);
export type Tree = z.infer<typeof tree>;

/** The blobs that must be in the object store before a tree can be read, each once. */
export function blobsOf(value: Tree): BlobRef[] {
  const found = new Map<string, BlobRef>();
  if ("stored" in value) {
    for (const blob of [value.stored, ...value.blobs]) found.set(blob.sha256, blob);
  } else {
    for (const item of value.manifest.packs)
      if (item.data === undefined) found.set(item.sha256, { sha256: item.sha256, size: item.size });
    for (const entry of value.manifest.entries) {
      if (entry.kind === "file" && !entry.pack) found.set(entry.sha256, { sha256: entry.sha256, size: entry.size });
    }
  }
  return [...found.values()];
}
