import { createHash, hash } from "node:crypto";
import { INLINE_PACK_BYTES, MAX_PACK_BYTES } from "../contract/limits.ts";
import type { FileEntry, Pack } from "../contract/manifest.ts";
import type { BlobSource } from "./blob-source.ts";
import { mapAhead } from "./parallel.ts";
import { readSmallFile } from "./read-file.ts";
import { entryOf, type FileItem } from "./tree-item.ts";

export type Packed = { entries: FileEntry[]; packs: Pack[]; sources: BlobSource[] };

const READ_AHEAD = 8;

/**
 * Joins small files into packs, in the order given and each content once. Only hashes stay in memory: the files are read again when a
 * pack is sent. A pack of at most 8 KiB carries its bytes itself.
 */
export async function packFiles(
  items: readonly FileItem[],
  options: { onBytes?: ((bytes: number) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Packed> {
  const entries: FileEntry[] = [];
  const places = new Map<string, NonNullable<FileEntry["pack"]>>();
  let plan = createPlan();
  const plans = [plan];
  const contents = mapAhead(items, READ_AHEAD, async (item) => ({ item, bytes: await readSmallFile(item) }));
  for await (const { item, bytes } of contents) {
    options.signal?.throwIfAborted();
    const sha256 = hash("sha256", bytes);
    let place = places.get(sha256);
    if (!place) {
      if (plan.size + bytes.length > MAX_PACK_BYTES) {
        plan = createPlan();
        plans.push(plan);
      }
      place = { index: plans.length - 1, offset: plan.size };
      plan.add(item, bytes);
      places.set(sha256, place);
    }
    entries.push({ ...entryOf(item, { size: bytes.length, sha256 }), pack: place });
    options.onBytes?.(bytes.length);
  }
  if (entries.length === 0) return { entries, packs: [], sources: [] };
  const ended = plans.map((plan) => plan.end());
  return {
    entries,
    packs: ended.map(({ pack }) => pack),
    sources: ended.flatMap(({ pack, source }) => (pack.data === undefined ? [source] : [])),
  };
}

function createPlan() {
  const whole = createHash("sha256");
  const members: FileItem[] = [];
  let kept: Buffer[] = [];
  return {
    size: 0,
    add(item: FileItem, bytes: Buffer) {
      this.size += bytes.length;
      whole.update(bytes);
      if (this.size <= INLINE_PACK_BYTES) kept.push(bytes);
      else kept = [];
      if (bytes.length > 0) members.push(item);
    },
    end(): { pack: Pack; source: BlobSource } {
      const blob = { sha256: whole.digest("hex"), size: this.size };
      const pack = this.size <= INLINE_PACK_BYTES ? { ...blob, data: Buffer.concat(kept).toString("base64") } : blob;
      return { pack, source: { ...blob, from: "pack", members } };
    },
  };
}
