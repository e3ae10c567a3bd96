import { open, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RendtError } from "../contract/errors.ts";
import type { FileEntry, Manifest, Pack } from "../contract/manifest.ts";
import { asDiskError } from "./disk-error.ts";
import { MOST_LANES } from "./lanes.ts";
import { assertLinksStayInside } from "./link-check.ts";
import { makeFolder } from "./make-folder.ts";
import { leavesToWrite, markOfLeaf, type OverwriteRule } from "./overwrite.ts";
import { forEachParallel } from "./parallel.ts";
import { createPartFiles, type PartFiles } from "./part-files.ts";
import { makeFolders, makeLink } from "./place-folders.ts";
import type { BlobReader } from "./read-blob.ts";
import { assertRoom } from "./room.ts";
import { createFile, saveBytes, saveStream } from "./save-file.ts";
import { breathe } from "./slices.ts";
import { fileMode } from "./tree-item.ts";
import { unpack } from "./unpack.ts";

export type PlaceOptions = OverwriteRule & {
  /** Files larger than a pack's members are on disk before this answers; a worker's throw-away folder needs no such thing. */
  durable?: boolean | undefined;
  /** The folder is empty, and nobody else writes to it: small files are written under their own names at once. */
  fresh?: boolean | undefined;
  /** What earlier fetches left, where many trees go into one folder; looked for anew when absent. */
  parts?: PartFiles | undefined;
  signal?: AbortSignal | undefined;
};
type Placing = PlaceOptions & { read: BlobReader; parts: PartFiles };
export type Placed = { files: number; bytes: number; unchanged: number };

/** What comes from afar is bounded further by the lanes of its line. */
const FILES_PARALLEL = MOST_LANES;
const SMALL_PARALLEL = 8;

/**
 * Makes a tree real below a folder: folders first, then files, each verified, written under a temporary name and renamed; links last, so
 * that nothing is ever written through one. Blobs come from `read`; a pack streams by and is never held whole.
 */
export async function placeTree(
  manifest: Manifest,
  into: string,
  options: PlaceOptions & { read: BlobReader },
): Promise<Placed> {
  assertLinksStayInside(manifest.entries);
  await makeFolder(resolve(into)).catch((error: unknown) => {
    throw asDiskError(error, "make the folder", into);
  });
  const root = await realpath(into);
  const leaves = manifest.entries.filter((entry) => entry.kind !== "dir");
  const wanted = options.fresh ? leaves : await leavesToWrite(root, leaves, options);
  await makeFolders(root, manifest);

  const files = wanted.filter((leaf) => leaf.kind === "file");
  const placing = { ...options, parts: options.parts ?? createPartFiles() };
  await assertRoom(root, await bytesToCome(root, files, placing.parts));
  await placeLarge(
    root,
    files.filter((file) => !file.pack),
    placing,
  );
  await forEachParallel(groupByPack(files, manifest.packs), { limit: 1, signal: options.signal }, async (group) => {
    await placePacked(root, group, placing);
  });
  for (const leaf of wanted) if (leaf.kind === "link") await makeLink(root, leaf);
  await options.record?.add(root, new Map(wanted.map((leaf) => [leaf.path, markOfLeaf(leaf)])));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  return { files: wanted.length, bytes, unchanged: leaves.length - wanted.length };
}

async function bytesToCome(root: string, files: readonly FileEntry[], parts: PartFiles): Promise<number> {
  let bytes = 0;
  for (const { path, size, sha256, pack } of files)
    bytes += size - (pack ? 0 : Math.min(size, await parts.leftOf(join(root, path), sha256)));
  return bytes;
}

async function placeLarge(root: string, files: readonly FileEntry[], options: Placing): Promise<void> {
  const parallel = { limit: FILES_PARALLEL, signal: options.signal };
  await forEachParallel(files, parallel, async ({ path, size, sha256, mode }, signal) => {
    const blob = { size, sha256 };
    const target = { path: join(root, path), mode: fileMode(mode), parts: options.parts };
    await onceMore(() => saveStream((from) => until(signal, options.read(blob, from)), blob, target));
  });
  // All at the end: a sync in between would hold up the next file.
  if (options.durable) await forEachParallel(files, parallel, ({ path }) => sync(join(root, path)));
}

/** When one file fails, gigabytes of its neighbours must not be waited for. */
async function* until(signal: AbortSignal, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield piece;
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  await handle.datasync().finally(() => handle.close());
}

type Group = { pack: Pack; members: FileEntry[] };

function groupByPack(files: readonly FileEntry[], packs: readonly Pack[]): Iterable<Group> {
  const groups = new Map<number, Group>();
  for (const file of files) {
    const pack = file.pack && packs[file.pack.index];
    if (!file.pack || !pack) continue;
    const group = groups.get(file.pack.index) ?? { pack, members: [] };
    group.members.push(file);
    groups.set(file.pack.index, group);
  }
  return groups.values();
}

async function placePacked(root: string, { pack, members }: Group, placing: Placing): Promise<void> {
  const { read, signal, parts } = placing;
  const { data, sha256, size } = pack;
  const bytesFrom = (from: number) => (data === undefined ? read({ sha256, size }, from) : inline(data, from));
  if (placing.fresh) {
    for await (const { entry, bytes } of unpack(bytesFrom, members)) {
      signal?.throwIfAborted();
      createFile(bytes, entry, { path: join(root, entry.path), mode: fileMode(entry.mode) });
      await breathe();
    }
    return;
  }
  await onceMore(() =>
    forEachParallel(unpack(bytesFrom, members), { limit: SMALL_PARALLEL, signal }, ({ entry, bytes }) =>
      saveBytes(bytes, entry, { path: join(root, entry.path), mode: fileMode(entry.mode), parts }),
    ),
  );
}

async function* inline(data: string, from: number): AsyncGenerator<Buffer> {
  yield Buffer.from(data, "base64").subarray(from);
}

/** Bytes may break on the way, and come whole the second time; twice wrong is wrong in the store. */
async function onceMore(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof RendtError) || error.code !== "wrong_content") throw error;
    await run();
  }
}
