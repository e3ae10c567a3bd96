import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import type { FileEntry, ManifestEntry } from "../contract/manifest.ts";
import { asDiskError, errnoOf } from "./disk-error.ts";
import type { FetchRecord } from "./fetch-record.ts";
import { forEachParallel } from "./parallel.ts";
import { readPieces } from "./read-file.ts";
import { fileItem } from "./tree-item.ts";

type LinkEntry = Extract<ManifestEntry, { kind: "link" }>;
export type Leaf = FileEntry | LinkEntry;

export type OverwriteRule = {
  /** Overwrite whatever is there, but folders. */
  force?: boolean | undefined;
  record?: FetchRecord | undefined;
};

const LOOK_PARALLEL = 16;
const NAMED = 5;

/**
 * Says which files and links have to be written: those that are not there yet in the same form. What is there and differs must have been
 * written by an earlier fetch and be unchanged since, or `would_overwrite` names it before anything is touched.
 */
export async function leavesToWrite(root: string, leaves: readonly Leaf[], rule: OverwriteRule): Promise<Leaf[]> {
  const wanted = new Set<Leaf>(leaves);
  const inTheWay: string[] = [];
  let known: Promise<ReadonlyMap<string, string>> | undefined;
  await forEachParallel(leaves, { limit: LOOK_PARALLEL }, async (leaf) => {
    const path = join(root, leaf.path);
    const stats = await statsOf(path);
    if (!stats) return;
    const sizeDiffers = leaf.kind === "file" && stats.isFile() && stats.size !== leaf.size;
    if (rule.force && sizeDiffers) return;
    const mark = stats.isDirectory() ? undefined : await markOf(path, leaf.path, stats);
    if (mark === markOfLeaf(leaf)) return void wanted.delete(leaf);
    if (rule.force && mark !== undefined) return;
    known ??= rule.record?.read(root);
    const written = (await known)?.get(leaf.path);
    if (mark === undefined || written !== mark) inTheWay.push(leaf.path);
  });
  if (inTheWay.length === 0) return leaves.filter((leaf) => wanted.has(leaf));
  const names = inTheWay
    .sort()
    .slice(0, NAMED)
    .map((path) => JSON.stringify(path))
    .join(", ");
  const more = inTheWay.length > NAMED ? ` and ${inTheWay.length - NAMED} more` : "";
  throw new RendtError("would_overwrite", `${names}${more} in ${JSON.stringify(root)} would be overwritten`, {
    details: { folder: root, paths: inTheWay },
  });
}

/** What stands in the record for a file or link. */
export const markOfLeaf = (leaf: Leaf): string => (leaf.kind === "file" ? leaf.sha256 : `-> ${leaf.target}`);

async function markOf(place: string, path: string, stats: Stats): Promise<string> {
  if (stats.isSymbolicLink()) return `-> ${await readlink(place)}`;
  if (!stats.isFile()) return "special";
  const digest = createHash("sha256");
  for await (const piece of readPieces(fileItem(path, place, stats))) digest.update(piece);
  return digest.digest("hex");
}

async function statsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: unknown) => {
    // A file where a folder has to be is found, and refused, when the folder is made.
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw asDiskError(error, "look at", path);
  });
}
