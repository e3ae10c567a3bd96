import { hash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type * as z from "zod";
import { RendtError } from "../contract/errors.ts";
import { MAX_MANIFEST_ENTRIES } from "../contract/limits.ts";
import { parseLoosely } from "../contract/loose.ts";
import {
  type BlobRef,
  blobsOf,
  explainBadTree,
  type Manifest,
  manifestEntry,
  manifest as manifestSchema,
  type Tree,
} from "../contract/manifest.ts";
import { parseJson } from "../contract/parse-json.ts";
import { createGrantDesk } from "./grant-desk.ts";
import { createLanes } from "./lanes.ts";
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
  const down = options.down ?? { lanes: createLanes() };
  const read = createBlobReader(createGrantDesk(options, blobsOf(tree)), { ...options, down });
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

/** Entries checked without a pause: 3,000 at once would hold up a worker's heartbeat for longer than it may. */
const ENTRIES_AT_ONCE = 100;

/** As the schema of a whole manifest would, in steps. */
async function parse(value: unknown, what: string): Promise<Manifest> {
  const given = hasEntries(value) ? value.entries : undefined;
  if (given === undefined || given.length > MAX_MANIFEST_ENTRIES) return check(manifestSchema, value, what);
  const { packs } = check(manifestSchema, { ...Object(value), entries: [] }, what);
  const entries: Manifest["entries"] = [];
  for (let from = 0; from < given.length; from += ENTRIES_AT_ONCE) {
    if (from > 0) await turn();
    for (const [at, entry] of given.slice(from, from + ENTRIES_AT_ONCE).entries())
      entries.push(check(manifestEntry, entry, what, [`entries.${from + at}`]));
  }
  const [reason] = explainBadTree({ entries, packs });
  if (reason === undefined) return { entries, packs };
  throw new RendtError("bad_path", `${what} breaks the rules: ${reason}`);
}

const hasEntries = (value: unknown): value is { entries: unknown[] } =>
  typeof value === "object" && value !== null && "entries" in value && Array.isArray(value.entries);

function check<S extends z.ZodType>(schema: S, value: unknown, what: string, at: readonly string[] = []): z.output<S> {
  const parsed = parseLoosely(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RendtError("bad_path", `${what} breaks the rules: ${issue?.message ?? "it is no manifest"}`, {
    details: { at: [...at, ...(issue?.path ?? [])].join(".") },
    cause: parsed.error,
  });
}
