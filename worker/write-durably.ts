import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { asDiskError } from "../files/disk-error.ts";
import { makeFolderSync } from "../files/make-folder.ts";

/** Whole and on disk under its name when this returns, whatever happens meanwhile; else not there. */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.new`;
  try {
    makeFolderSync(dirname(path), 0o700);
    const file = openSync(temporary, "w", 0o600);
    try {
      writeWhole(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asDiskError(error, "write", path);
  }
}

/** A disk that is nearly full takes a part of what it is given, without an error. */
export function writeWhole(fd: number, content: string | Uint8Array): void {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
