import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { BlobRef } from "../contract/manifest.ts";
import { errnoOf } from "../files/disk-error.ts";
import { createPartFiles } from "../files/part-files.ts";
import type { BlobReader } from "../files/read-blob.ts";
import { READ_BYTES } from "../files/read-file.ts";
import { assertRoom } from "../files/room.ts";
import { saveStream } from "../files/save-file.ts";

/** Input blobs on this machine, by content. Jobs get copies: none can change what the next one reads. */
export type BlobCache = {
  /** Reads through the cache; what is not in it is brought in by `fetch`, verified, and stays. */
  reader(fetch: BlobReader): BlobReader;
  /** Reads these again and forgets those that are no longer what they were. */
  dropDamaged(blobs: readonly BlobRef[]): Promise<void>;
  /** Removes what was not used for longest, until the rest fits. */
  trim(): Promise<void>;
};

export async function createBlobCache(folder: string, mostBytes: number): Promise<BlobCache> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pathOf = (blob: BlobRef) => join(folder, blob.sha256);
  const fetching = new Map<string, Promise<void>>();
  const inUse = new Map<string, number>();

  async function bringIn(blob: BlobRef, fetch: BlobReader): Promise<void> {
    const known = await stat(pathOf(blob)).catch(() => undefined);
    if (known?.size === blob.size) return utimes(pathOf(blob), new Date(), known.mtime);
    // Two slots that need the same blob fetch it once.
    let fetched = fetching.get(blob.sha256);
    if (!fetched) {
      fetched = save(blob, fetch).finally(() => fetching.delete(blob.sha256));
      fetching.set(blob.sha256, fetched);
    }
    return fetched;
  }

  async function save(blob: BlobRef, fetch: BlobReader): Promise<void> {
    const parts = createPartFiles();
    const path = pathOf(blob);
    await assertRoom(folder, blob.size - (await parts.leftOf(path, blob.sha256)));
    await saveStream((from) => fetch(blob, from), blob, { path, mode: 0o400, parts });
  }

  async function isDamaged(blob: BlobRef): Promise<boolean> {
    const digest = createHash("sha256");
    try {
      for await (const piece of createReadStream(pathOf(blob), { highWaterMark: READ_BYTES })) digest.update(piece);
    } catch (error) {
      // A disk that can't read it is no better.
      return errnoOf(error) !== "ENOENT";
    }
    return digest.digest("hex") !== blob.sha256;
  }

  return {
    reader: (fetch) =>
      async function* read(blob, from = 0) {
        inUse.set(blob.sha256, (inUse.get(blob.sha256) ?? 0) + 1);
        try {
          await bringIn(blob, fetch);
          yield* createReadStream(pathOf(blob), { start: from, highWaterMark: READ_BYTES });
        } finally {
          inUse.set(blob.sha256, (inUse.get(blob.sha256) ?? 1) - 1);
        }
      },
    async dropDamaged(blobs) {
      for (const blob of blobs) if (await isDamaged(blob)) await rm(pathOf(blob), { force: true });
    },
    async trim() {
      const found = await Promise.all(
        (await readdir(folder)).map(async (name) => ({ name, stats: await statOf(join(folder, name)) })),
      );
      let bytes = found.reduce((sum, { stats }) => sum + (stats?.size ?? 0), 0);
      const oldestFirst = found.sort((a, b) => (a.stats?.atimeMs ?? 0) - (b.stats?.atimeMs ?? 0));
      for (const { name, stats } of oldestFirst) {
        if (bytes <= mostBytes) break;
        // A name that is no hash is a download under way, or what a crash left of one.
        const busy = name.startsWith(".") ? fetching.size > 0 : (inUse.get(name) ?? 0) > 0;
        if (busy || !stats) continue;
        await rm(join(folder, name), { force: true });
        bytes -= stats.size;
      }
    },
  };
}

async function statOf(path: string) {
  return stat(path).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
}
