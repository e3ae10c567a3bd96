import type { BlobRef, FileEntry } from "../contract/manifest.ts";

/** One thing on disk that goes into a tree; `path` is where it arrives, `source` where it lies now. */
export type TreeItem = FileItem | FolderItem | LinkItem;
export type FileItem = { kind: "file"; path: string; source: string; mode: number; seen: Seen; task?: number };
export type FolderItem = { kind: "dir"; path: string; source: string; mode: number };
export type LinkItem = { kind: "link"; path: string; source: string; target: string };

/** A file as it was when first looked at; another inode, size or time means that it changed since. */
export type Seen = { dev: number; ino: number; size: number; mtimeMs: number };

type Stats = Seen & { mode: number };

export const seenOf = ({ dev, ino, size, mtimeMs }: Stats): Seen => ({ dev, ino, size, mtimeMs });
export const isUnchanged = (a: Seen, b: Seen): boolean =>
  a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;

/** The permission bits that travel; whoever owns the copy can always read and write it, or it could not be cleaned up. */
export const fileMode = (mode: number): number => (mode & 0o777) | 0o600;
export const folderMode = (mode: number): number => (mode & 0o777) | 0o700;

/** The entry of a file that was read. */
export const entryOf = ({ path, mode, task }: FileItem, { size, sha256 }: BlobRef): FileEntry => ({
  kind: "file",
  path,
  size,
  sha256,
  mode,
  ...(task !== undefined && { task }),
});

export const fileItem = (path: string, source: string, stats: Stats): FileItem => ({
  kind: "file",
  path,
  source,
  mode: fileMode(stats.mode),
  seen: seenOf(stats),
});
