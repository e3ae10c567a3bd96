import { lchown } from "node:fs/promises";
import { join } from "node:path";
import { RendtError } from "../contract/errors.ts";
import { blobsOf, type Manifest, type Tree } from "../contract/manifest.ts";
import { readManifest } from "../files/download.ts";
import { createGrantDesk } from "../files/grant-desk.ts";
import { placeTree } from "../files/place-tree.ts";
import { type BlobReader, createBlobReader } from "../files/read-blob.ts";
import type { Transfer } from "../files/transfer.ts";
import type { BlobCache } from "./blob-cache.ts";
import type { Held } from "./held.ts";
import type { SlotUser } from "./sandbox/port.ts";

/** The input tree of a lease: read once, placed anew for each of its tasks. */
export type Inputs = {
  manifest: Manifest;
  place(folder: string, user: SlotUser | undefined): Promise<void>;
};

type Source = { transfer: Omit<Transfer, "entryOf" | "grants">; cache: BlobCache };

export async function openInputs(held: Held, { transfer, cache }: Source): Promise<Inputs | undefined> {
  const tree: Tree | undefined = held.lease.spec.inputs;
  if (!tree) return undefined;
  const { id } = held.lease;
  const entryOf: Transfer["entryOf"] = (blob) => ({ use: "fetch", lease: id, blob });
  const whole = { ...transfer, entryOf, grants: held.grants };
  const read: BlobReader = cache.reader(createBlobReader(createGrantDesk(whole, blobsOf(tree)), whole));
  const manifest = await readManifest(tree, read);
  return {
    manifest,
    async place(folder, user) {
      try {
        await placeTree(manifest, folder, { read, signal: transfer.signal });
      } catch (error) {
        if (!(error instanceof RendtError) || error.code !== "wrong_content") throw error;
        // Fetched blobs are verified when they come in: it is our copy that went bad on this disk.
        await cache.drop(blobsOf({ manifest }));
        await placeTree(manifest, folder, { read, signal: transfer.signal, force: true });
      }
      if (user) await giveTo(folder, manifest, user);
    },
  };
}

async function giveTo(folder: string, { entries }: Manifest, { uid, gid }: SlotUser): Promise<void> {
  const paths = new Set(entries.map(({ path }) => path));
  for (const { path } of entries)
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) paths.add(path.slice(0, cut));
  for (const path of paths) await lchown(join(folder, path), uid, gid);
}
