import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import type { BlobRef } from "../../contract/manifest.ts";
import { receive } from "./disk-receive.ts";
import { countTree, createFolderMaker, failedWith, ignore, removeTree, syncFolder } from "./disk-sync.ts";
import { assertKey } from "./keys.ts";
import type { HeldPart } from "./parts.ts";

/** 64 KiB, the default, halves what a download can reach (1,200 against 2,470 MB/s here). */
const READ_BYTES = 1024 * 1024;

/** A stored object: one file, or the parts that it was sent in. */
export type StoredObject = { size: number; files: { path: string; size: number }[] };
export type BlobFolder = Awaited<ReturnType<typeof openBlobFolder>>;

/**
 * The bytes of the disk store.
 *
 *     objects/<key>                                          a file; or a folder of parts, <number>-<size>
 *     uploads/<key>/<upload>/<number>-<size>-<sha256>        parts that arrived whole
 *     incoming/                                              what is still arriving; emptied at start
 *
 * A name below objects or uploads appears only when its bytes are verified and on disk, so a crash leaves all or nothing.
 * One process at a time may have a folder open.
 */
export async function openBlobFolder(options: { folder: string; maxBytes?: number }) {
  const root = resolve(options.folder);
  const [objects, uploads, incoming] = [join(root, "objects"), join(root, "uploads"), join(root, "incoming")];
  await rm(incoming, { recursive: true, force: true });
  for (const path of [objects, uploads, incoming]) await mkdir(path, { recursive: true, mode: 0o700 });
  await syncFolder(root);
  const ensure = createFolderMaker(root);

  const maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
  let used = options.maxBytes === undefined ? 0 : (await countTree(objects)) + (await countTree(uploads));

  const objectPath = (key: string) => {
    assertKey(key);
    return join(objects, key);
  };
  const uploadPath = (key: string, upload: string) => {
    assertKey(`${key}/${upload}`);
    return join(uploads, key, upload);
  };

  /** Receives a blob under a temporary name, then lets `keep` give it its own; false from it: these bytes are there already. */
  async function arrive(blob: BlobRef, body: AsyncIterable<Buffer>, keep: (path: string) => Promise<boolean>) {
    if (used + blob.size > maxBytes) throw full(`${blob.size} bytes more would exceed its limit of ${maxBytes} bytes`);
    used += blob.size;
    const path = join(incoming, randomUUID());
    try {
      const file = await open(path, "wx", 0o600);
      try {
        await receive(body, file, blob);
      } finally {
        await file.close();
      }
      if (!(await keep(path))) used -= blob.size;
    } catch (error) {
      used -= blob.size;
      if (failedWith(error, "ENOSPC", "EDQUOT")) throw full("its disk has no room left", error);
      throw error;
    } finally {
      await unlink(path).catch(ignore("ENOENT"));
    }
  }

  async function find(key: string): Promise<StoredObject | undefined> {
    const path = objectPath(key);
    const found = await lstat(path).catch(ignore("ENOENT", "ENOTDIR"));
    if (!found?.isDirectory()) return found && { size: found.size, files: [{ path, size: found.size }] };
    const names = (await readdir(path)).filter((name) => JOINED_PART.test(name)).sort();
    const files = names.map((name) => ({ path: join(path, name), size: Number(name.split("-")[1]) }));
    return files.length === 0 ? undefined : { size: files.reduce((sum, file) => sum + file.size, 0), files };
  }

  async function heldParts(key: string, upload: string): Promise<HeldPart[] | undefined> {
    const names = await readdir(uploadPath(key, upload)).catch(ignore("ENOENT"));
    return names?.flatMap((name) => {
      const [number, size, sha256] = name.split("-");
      return sha256 ? [{ number: Number(number), size: Number(size), sha256 }] : [];
    });
  }

  return {
    find,
    heldParts,

    /** Stores a whole object, once. */
    async put(key: string, blob: BlobRef, body: AsyncIterable<Buffer>): Promise<void> {
      const target = objectPath(key);
      // Asked early to spare the transfer; the link below is what decides.
      if (await find(key)) throw exists(key);
      await arrive(blob, body, async (path) => {
        await ensure(dirname(target));
        try {
          await link(path, target);
        } catch (error) {
          throw failedWith(error, "EEXIST") ? exists(key) : error;
        }
        await syncFolder(dirname(target));
        return true;
      });
    },

    async startUpload(key: string, upload: string): Promise<void> {
      await ensure(uploadPath(key, upload));
    },

    /** Stores one part of an upload that was started; storing the same part again is nothing. */
    async putPart(key: string, upload: string, part: HeldPart, body: AsyncIterable<Buffer>): Promise<void> {
      const folder = uploadPath(key, upload);
      if (!(await stat(folder).catch(ignore("ENOENT")))) throw noUpload(upload);
      await arrive(part, body, async (path) => {
        try {
          await link(path, join(folder, `${padded(part.number)}-${part.size}-${part.sha256}`));
        } catch (error) {
          if (failedWith(error, "EEXIST")) return false;
          throw failedWith(error, "ENOENT") ? noUpload(upload) : error;
        }
        await syncFolder(folder);
        return true;
      });
    },

    /**
     * Makes an object of parts that are held. They are not copied: the object is a folder with further names of the same files,
     * complete before one rename lets it appear.
     */
    async joinUpload(key: string, upload: string, parts: HeldPart[]): Promise<void> {
      const [from, target] = [uploadPath(key, upload), objectPath(key)];
      const folder = join(incoming, randomUUID());
      try {
        await mkdir(folder, { mode: 0o700 });
        for (const { number, size, sha256 } of parts) {
          await link(join(from, `${padded(number)}-${size}-${sha256}`), join(folder, `${padded(number)}-${size}`));
        }
        await syncFolder(folder);
        await ensure(dirname(target));
        await rename(folder, target);
        await syncFolder(dirname(target));
      } catch (error) {
        throw failedWith(error, "EEXIST", "ENOTEMPTY", "ENOTDIR") ? exists(key) : error;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async removeUpload(key: string, upload: string): Promise<void> {
      used -= await removeTree(uploadPath(key, upload));
    },

    /** Removes all objects and unfinished uploads whose keys begin with whole segments `prefix`. */
    async remove(prefix: string): Promise<void> {
      assertKey(prefix.replace(/\/$/, ""));
      for (const top of [uploads, objects]) used -= await removeTree(join(top, prefix));
    },

    /** Removes uploads that got no part since `before` (ms). */
    async removeStaleUploads(before: number, folder = uploads): Promise<void> {
      const entries = (await readdir(folder, { withFileTypes: true }).catch(ignore("ENOENT"))) ?? [];
      const below = entries.filter((entry) => entry.isDirectory());
      for (const entry of below) await this.removeStaleUploads(before, join(folder, entry.name));
      if (below.length > 0 || folder === uploads) return;
      const found = await stat(folder).catch(ignore("ENOENT"));
      if (found && found.mtimeMs < before) used -= await removeTree(folder);
    },

    /** Names of the folders at a place among the objects: owners, months. */
    async list(place: string): Promise<string[]> {
      return (await readdir(join(objects, place)).catch(ignore("ENOENT"))) ?? [];
    },
  };
}

/** The bytes from `start` up to `end` (exclusive), across parts. */
export async function* readObject(object: StoredObject, start = 0, end = object.size): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const { path, size } of object.files) {
    const [from, to] = [Math.max(start - offset, 0), Math.min(end - offset, size)];
    offset += size;
    if (from < to) yield* createReadStream(path, { start: from, end: to - 1, highWaterMark: READ_BYTES });
  }
}

const JOINED_PART = /^\d{5}-\d+$/;
const padded = (number: number) => String(number).padStart(5, "0");

const exists = (key: string) => new RendtError("exists", `${key} is stored already`);
const full = (reason: string, cause?: unknown) =>
  new RendtError("storage_full", `the server's blob store is full: ${reason}`, { cause });
/** The refusal that makes clients ask for grants again, which starts the upload anew. */
export const noUpload = (upload: string) =>
  new RendtError(
    "grant_refused",
    `upload ${upload} is unknown here: it was ended, or removed after a day without a part`,
  );
