import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RendtError } from "../../contract/errors.ts";
import type { BlobRef } from "../../contract/manifest.ts";
import { createHalves, type Half } from "./disk-halves.ts";
import { findObject, partName, type StoredObject } from "./disk-object.ts";
import { type Arrived, nothingYet, receive } from "./disk-receive.ts";
import { countTree, createFolderMaker, failedWith, ignore, removeTree, syncFolder } from "./disk-sync.ts";
import { assertKey } from "./keys.ts";
import type { HeldPart } from "./parts.ts";

type Body = AsyncIterable<Buffer>;
type Arrival = {
  keep: (path: string) => Promise<boolean>;
  /** What is there of it already. */
  half?: Half | undefined;
  /** Keeps what came before the connection broke, for a further try. */
  keepHalf?: (half: Half) => Promise<void>;
};

/**
 * The bytes of the disk store.
 *
 *     objects/<key>                                      a file, or a folder of joined parts: <number>-<size>
 *     uploads/<key>/<upload>/<number>-<size>-<sha256>    parts that arrived whole
 *     incoming/                                          what is still arriving, and beginnings of parts; emptied at start
 *
 * A name appears below objects or uploads only when its bytes are verified and on disk, by one link or rename: a crash leaves all
 * of it or nothing, and of several writers one wins. One process at a time may have a folder open.
 */
export async function openBlobFolder(options: { folder: string; maxBytes?: number | undefined }) {
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

  const halves = createHalves();
  /** `used -= await …` would forget what others counted meanwhile. */
  const freed = async (removing: Promise<number>): Promise<void> => {
    const bytes = await removing;
    used -= bytes;
  };

  function assertLimit(bytes: number): void {
    if (used + bytes > maxBytes) throw full(`${bytes} bytes more would exceed its limit of ${maxBytes} bytes`);
  }

  /** Receives a blob under a temporary name, then lets `keep` give it its own; false from it: these bytes were there already. */
  async function arrive(blob: BlobRef, body: Body, { keep, half, keepHalf }: Arrival): Promise<void> {
    const { path, arrived } = half ?? { path: join(incoming, randomUUID()), arrived: nothingYet() };
    // What came before counts already; from here on the whole does.
    used -= arrived.size;
    let counted = 0;
    let isHalf = false;
    try {
      assertLimit(blob.size);
      counted = blob.size;
      used += counted;
      const file = await open(path, half ? "a" : "wx", 0o600);
      try {
        await receive(body, file, { blob, arrived });
      } finally {
        await file.close();
      }
      if (await keep(path)) counted = 0;
    } catch (error) {
      isHalf = keepHalf !== undefined && !(error instanceof RendtError) && isBeginning(arrived, blob);
      if (isHalf) {
        counted -= arrived.size;
        await keepHalf?.({ path, arrived });
      }
      throw error;
    } finally {
      used -= counted;
      if (!isHalf) await unlink(path).catch(ignore("ENOENT"));
    }
  }

  async function removeStale(folder: string, before: number): Promise<void> {
    const entries = (await readdir(folder, { withFileTypes: true }).catch(ignore("ENOENT"))) ?? [];
    const below = entries.filter((entry) => entry.isDirectory());
    for (const entry of below) await removeStale(join(folder, entry.name), before);
    if (below.length > 0 || folder === uploads) return;
    // A folder's mtime is that of the last part which got its name in it.
    const found = await stat(folder).catch(ignore("ENOENT"));
    if (found && found.mtimeMs < before) await freed(removeTree(folder));
  }

  return {
    find: (key: string): Promise<StoredObject | undefined> => findObject(objectPath(key)),

    /** Stores a whole object, once. */
    async put(key: string, blob: BlobRef, body: Body): Promise<void> {
      const target = objectPath(key);
      // Asked early to spare the transfer; the link below is what decides.
      if (await findObject(target)) throw exists(key);
      const keep = async (path: string) => {
        await ensure(dirname(target));
        await link(path, target).catch((error: unknown) => {
          throw failedWith(error, "EEXIST") ? exists(key) : error;
        });
        await syncFolder(dirname(target));
        return true;
      };
      await arrive(blob, body, { keep }).catch(orFull);
    },

    /** Begins an upload in parts, or goes on with it. */
    async startUpload(key: string, upload: string): Promise<void> {
      await ensure(uploadPath(key, upload)).catch(orFull);
    },

    /** Refuses before the first byte what there is no room for. */
    async assertRoom(bytes: number): Promise<void> {
      assertLimit(bytes);
      const { blocks, bavail, bsize } = await statfs(root);
      const free = bavail * bsize;
      if (blocks > 0 && bytes > free) throw full(`${bytes} bytes are to come, its disk has ${free} left`);
    },

    /** The parts of an upload, several of one number if it was sent with different contents; undefined when there is no such upload. */
    async heldParts(key: string, upload: string): Promise<HeldPart[] | undefined> {
      const names = await readdir(uploadPath(key, upload)).catch(ignore("ENOENT"));
      return names?.flatMap((name) => {
        const [number, size, sha256] = name.split("-");
        return sha256 ? [{ number: Number(number), size: Number(size), sha256 }] : [];
      });
    },

    /** How much of the beginning of a part came before its connection broke. */
    begunPart: (key: string, upload: string, part: HeldPart): Promise<number> =>
      halves.sizeOf({ key, upload, ...part }),

    /** Stores one part of an upload that was begun, or what lacks of it `from` there on; storing the same part again is nothing. */
    async putPart(key: string, upload: string, part: HeldPart, body: Body, from = 0): Promise<void> {
      const folder = uploadPath(key, upload);
      const named = { key, upload, ...part };
      if (!(await stat(folder).catch(ignore("ENOENT")))) throw noUpload(upload);
      const keep = async (path: string) => {
        try {
          await link(path, join(folder, `${partName(part.number, part.size)}-${part.sha256}`));
        } catch (error) {
          if (failedWith(error, "EEXIST")) return false;
          throw failedWith(error, "ENOENT") ? noUpload(upload) : error;
        }
        await syncFolder(folder);
        return true;
      };
      const half = from > 0 ? halves.take(named, from) : undefined;
      if (from > 0 && !half)
        throw new RendtError("grant_refused", `the first ${from} bytes of part ${part.number} are gone`);
      const keepHalf = (broken: Half) => freed(halves.keep(named, broken));
      await halves.during(named, arrive(part, body, { keep, half, keepHalf })).catch(orFull);
    },

    /** Makes an object of held parts without copying them: it is a folder with further names of the same files. */
    async joinUpload(key: string, upload: string, parts: HeldPart[]): Promise<void> {
      const [from, target] = [uploadPath(key, upload), objectPath(key)];
      const folder = join(incoming, randomUUID());
      try {
        await mkdir(folder, { mode: 0o700 });
        for (const { number, size, sha256 } of parts) {
          const name = partName(number, size);
          await link(join(from, `${name}-${sha256}`), join(folder, name));
        }
        await syncFolder(folder);
        await ensure(dirname(target));
        // What is there already, file or folder, is not replaced: a folder of parts is never empty.
        await rename(folder, target).catch((error: unknown) => {
          throw failedWith(error, "EEXIST", "ENOTEMPTY", "ENOTDIR") ? exists(key) : error;
        });
        await syncFolder(dirname(target));
      } catch (error) {
        orFull(error);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async removeUpload(key: string, upload: string): Promise<void> {
      await freed(removeTree(uploadPath(key, upload)));
      await freed(halves.remove(`${key}/${upload}/`));
    },

    /** Removes all objects and unfinished uploads whose keys begin with the segments `prefix`. */
    async removePrefix(prefix: string): Promise<void> {
      const place = prefix.replace(/\/$/, "");
      assertKey(place);
      for (const top of [uploads, objects]) await freed(removeTree(join(top, place)));
      await freed(halves.remove(`${place}/`));
    },

    /** Removes uploads that got no part since `before`, by the file system's clock. */
    async removeStaleUploads(before: number): Promise<void> {
      await removeStale(uploads, before);
      await freed(halves.remove("", before));
    },

    /** Names of the next segments below a place among the objects. */
    async list(place: string): Promise<string[]> {
      return (await readdir(join(objects, place)).catch(ignore("ENOENT"))) ?? [];
    },
  };
}

/** Less than a part, and all of it in its file: one that came whole was wrong, or could not be kept. */
const isBeginning = ({ size, whole }: Arrived, blob: BlobRef): boolean => whole && size > 0 && size < blob.size;

const exists = (key: string) => new RendtError("exists", `${key} is stored already`);

/** The refusal that makes clients ask for grants again, which begins the upload anew. */
export const noUpload = (upload: string) =>
  new RendtError("grant_refused", `upload ${upload} is unknown: it was ended, or removed after a day without a part`);

const full = (reason: string, cause?: unknown) =>
  new RendtError("storage_full", `the server's blob store is full: ${reason}`, { cause });

function orFull(error: unknown): never {
  throw failedWith(error, "ENOSPC", "EDQUOT") ? full("its disk has no room left", error) : error;
}
