import { hash } from "node:crypto";
import { RendtError } from "../contract/errors.ts";
import { MAX_MANIFEST_ENTRIES } from "../contract/limits.ts";
import { parseLoosely } from "../contract/loose.ts";
import { type BlobRef, blobsOf, type Manifest, manifest as manifestSchema, type Tree } from "../contract/manifest.ts";
import { parseJson } from "../contract/parse-json.ts";
import { createGrantDesk } from "./grant-desk.ts";
import { type Placed, type PlaceOptions, placeTree } from "./place-tree.ts";
import { type BlobReader, createBlobReader } from "./read-blob.ts";
import { assertContent } from "./save-file.ts";
import type { Transfer } from "./transfer.ts";

/**
 * Downloads a tree into a folder: every byte is verified, nothing is written through a link or over what no earlier fetch has written
 * (`force`: over files), and files that are there already in the same form are left alone.
 *
 * @example
 * const { items } = await client.outputs({ id });
 * for (const { index, result } of items)
 *   if (result.outputs) await download(result.outputs, "out", { client, http, url, entryOf: (blob) => ({ use: "output", job: id, index, blob }) });
 */
export async function download(tree: Tree, into: string, options: Transfer & PlaceOptions): Promise<Placed> {
  const read = createBlobReader(createGrantDesk(options, blobsOf(tree)), options);
  return placeTree(await readManifest(tree, read), into, { ...options, read, durable: options.durable ?? true });
}

/** About 200 bytes an entry and as much again for long paths: beyond this nobody wrote it by the rules. */
const MAX_MANIFEST_BYTES = MAX_MANIFEST_ENTRIES * 1400;

/** The manifest of a tree, from the tree itself or from its blob. It is parsed before it is trusted. */
export async function readManifest(tree: Tree, read: BlobReader): Promise<Manifest> {
  if ("manifest" in tree) return parse(tree.manifest, "the manifest");
  const { stored } = tree;
  if (stored.size > MAX_MANIFEST_BYTES)
    throw new RendtError(
      "wrong_content",
      `a manifest of ${stored.size} bytes, at most ${MAX_MANIFEST_BYTES} are possible`,
    );
  const bytes = await readBytes(stored, read);
  return parse(parseJson(bytes.toString("utf8")), `the manifest ${stored.sha256}`);
}

/** A whole blob in memory, verified: for manifests and short logs. */
export async function readBytes(blob: BlobRef, read: BlobReader): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of read(blob)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  assertContent({ sha256: hash("sha256", bytes), size: bytes.length }, blob, blob.sha256);
  return bytes;
}

function parse(value: unknown, what: string): Manifest {
  const parsed = parseLoosely(manifestSchema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RendtError("bad_path", `${what} breaks the rules: ${issue?.message ?? "it is no manifest"}`, {
    details: { at: issue?.path.join(".") },
    cause: parsed.error,
  });
}
