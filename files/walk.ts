import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { explainBadLink, explainBadPath } from "../contract/paths.ts";
import { asDiskError } from "./disk-error.ts";
import { fileItem, folderMode, type TreeItem } from "./tree-item.ts";

/** Paths here are relative to the folder that is walked, with `/`. */
export type Walk = {
  root: string;
  /** Where the root arrives: goes before every path; "" for none. */
  prefix: string;
  /** What is left out, folders with all that is in them. */
  skips?: ((path: string, kind: "dir" | "other") => boolean) | undefined;
  /** Called for each folder before its names are looked at (`""` is the root). */
  enter?: ((path: string) => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
};

const LSTAT_BATCH = 64;

/**
 * Lists everything below a folder, each folder before what is in it, the root itself not. Names that can't travel, links that lead out of
 * the root, sockets, FIFOs and devices are refused.
 */
export async function* walk(options: Walk): AsyncGenerator<TreeItem> {
  yield* walkFolder(options, "");
}

async function* walkFolder(options: Walk, folder: string): AsyncGenerator<TreeItem> {
  options.signal?.throwIfAborted();
  await options.enter?.(folder);
  const names = await namesIn(join(options.root, folder));
  for (let at = 0; at < names.length; at += LSTAT_BATCH) {
    const batch = names.slice(at, at + LSTAT_BATCH).map(async ({ name, bytes }) => {
      const path = folder === "" ? name : `${folder}/${name}`;
      const bad = isUtf8(bytes) ? undefined : bytes;
      return { path, bad, stats: bad ? undefined : await look(join(options.root, path)) };
    });
    for (const { path, bad, stats } of await Promise.all(batch)) {
      if (options.skips?.(path, stats?.isDirectory() ? "dir" : "other")) continue;
      if (!stats) throw badName(join(options.root, folder), bad);
      yield await itemAt({ ...options, path, stats });
      if (stats.isDirectory()) yield* walkFolder(options, path);
    }
  }
}

/** Names are read as bytes: decoding first would turn one that is not UTF-8 into another name. */
async function namesIn(folder: string): Promise<{ name: string; bytes: Buffer }[]> {
  const names = await readdir(folder, { encoding: "buffer" }).catch((error: unknown) => {
    throw asDiskError(error, "list", folder);
  });
  return names.map((bytes) => ({ name: bytes.toString("utf8"), bytes })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function badName(folder: string, name: Uint8Array = new Uint8Array()): RendtError {
  const message = `a name in ${JSON.stringify(folder)} is not valid UTF-8: ${escaped(name)}`;
  return new RendtError("bad_path", message, { details: { folder, name: escaped(name) } });
}

const escaped = (name: Uint8Array): string =>
  [...name]
    .map((byte) =>
      byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");

export async function look(source: string): Promise<Stats> {
  return lstat(source).catch((error: unknown) => {
    throw asDiskError(error, "look at", source);
  });
}

type Place = { root: string; prefix: string; path: string; stats: Stats };

async function itemAt({ root, prefix, path: inner, stats }: Place): Promise<TreeItem> {
  const source = join(root, inner);
  const path = prefix === "" ? inner : `${prefix}/${inner}`;
  assertGoodPath(path, source);
  if (stats.isFile()) return fileItem(path, source, stats);
  if (stats.isDirectory()) return { kind: "dir", path, source, mode: folderMode(stats.mode) };
  if (stats.isSymbolicLink()) return { kind: "link", path, source, target: await targetOf(source, inner) };
  throw notAFile(source, stats);
}

export function assertGoodPath(path: string, source: string): void {
  const reason = explainBadPath(path);
  if (reason)
    throw new RendtError("bad_path", `can't send ${JSON.stringify(source)} as ${JSON.stringify(path)}: ${reason}`, {
      details: { path },
    });
}

export function notAFile(source: string, stats: Stats): RendtError {
  const kind = stats.isFIFO() ? "a FIFO" : stats.isSocket() ? "a socket" : "a device";
  return new RendtError("not_a_file", `can't send ${JSON.stringify(source)}: it is ${kind}`, {
    details: { path: source },
  });
}

async function targetOf(source: string, path: string): Promise<string> {
  const bytes = await readlink(source, { encoding: "buffer" }).catch((error: unknown) => {
    throw asDiskError(error, "read the link", source);
  });
  const target = bytes.toString("utf8");
  const reason = isUtf8(bytes) ? explainBadLink(path, target) : "its target is not valid UTF-8";
  if (reason)
    throw new RendtError(
      "bad_path",
      `can't send the link ${JSON.stringify(source)} -> ${JSON.stringify(target)}: ${reason}`,
      {
        details: { path: source, target },
      },
    );
  return target;
}
