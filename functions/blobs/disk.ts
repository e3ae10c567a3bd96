import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { RendtError } from "../../contract/errors.ts";
import { PART_BYTES } from "../../contract/limits.ts";
import { noUpload, openBlobFolder } from "./disk-folder.ts";
import { createGrantSigner } from "./disk-grant.ts";
import { readObject } from "./disk-object.ts";
import { chooseParts, cutOf } from "./parts.ts";
import type { Blobs } from "./port.ts";

export type DiskBlobs = Awaited<ReturnType<typeof createDiskBlobs>>;

export type DiskOptions = {
  /** Made if missing; one process at a time. */
  folder: string;
  /** Signs grants: at least 32 bytes, kept over restarts so that grants are too. */
  secret: Uint8Array;
  clock: () => number;
  /** Refuses what would make the blobs take more than this (`rendt up --max-disk`). */
  maxBytes?: number | undefined;
};

/** Blobs in a folder, moved by the embedded server itself (createBlobHandler of disk-http.ts). */
export async function createDiskBlobs(options: DiskOptions) {
  const folder = await openBlobFolder(options);
  const signer = createGrantSigner(options);

  const blobs: Blobs = {
    grantPut: async (key, blob, expiresAt) => signer.sign({ method: "PUT", key, ...blob }, expiresAt),
    grantGet: async (key, expiresAt) => signer.sign({ method: "GET", key }, expiresAt),

    async startParts(key, blob) {
      // The same key and content give the same upload, so that there is nothing to remember.
      const upload = createHash("sha256").update(`${blob.sha256} ${blob.size}`).digest("hex").slice(0, 32);
      await folder.startUpload(key, upload);
      const cut = cutOf(blob.size, (await folder.heldParts(key, upload)) ?? [], PART_BYTES);
      await folder.assertRoom(blob.size - Math.min(blob.size, cut.held.length * cut.partSize));
      return { upload, ...cut };
    },
    async grantPart(key, { upload, number, size, sha256 }, expiresAt) {
      const sign = (more: { from?: number }) =>
        signer.sign({ method: "PUT", key, size, sha256, part: { upload, number, ...more } }, expiresAt);
      const from = await folder.begunPart(key, upload, { number, size, sha256 });
      if (from === 0) return sign({});
      const { url, headers } = sign({ from });
      return { ...sign({}), rest: { from, url, headers } };
    },
    async completeParts(key, blob, upload, parts) {
      try {
        const held = await folder.heldParts(key, upload);
        if (!held) throw noUpload(upload);
        await folder.joinUpload(key, upload, chooseParts(blob.size, parts, held));
      } catch (error) {
        // It was completed before, or by the same request sent twice: what counts is that the object is there.
        if ((await folder.find(key))?.size !== blob.size) throw error;
      }
      await folder.removeUpload(key, upload);
    },

    async head(key) {
      const found = await folder.find(key);
      // Whatever has a name here was hashed against its grant first, so size is all there is left to compare.
      return found && { size: found.size };
    },
    async read(key, limitBytes) {
      const found = await folder.find(key);
      if (found && found.size > limitBytes) {
        throw new RendtError("body_too_large", `${key} has ${found.size} bytes, at most ${limitBytes} are read here`);
      }
      return found && buffer(readObject(found));
    },
    remove: (prefix) => folder.removePrefix(prefix),
  };

  return {
    ...blobs,
    folder,
    signer,

    /** Removes the inputs of all months that ended by `before` (ms): now - retention - 62 days, see keys.ts. */
    async sweepMonths(before: number): Promise<void> {
      for (const owner of await folder.list("blob")) {
        for (const month of await folder.list(`blob/${owner}`)) {
          const end = Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)));
          if (end <= before) await folder.removePrefix(`blob/${owner}/${month}`);
        }
      }
    },
    /** Removes uploads in parts that got nothing since `before` (ms): now - 1 day. */
    sweepUploads: (before: number): Promise<void> => folder.removeStaleUploads(before),
  };
}
