import { createHash } from "node:crypto";
import { PART_BYTES, PARTS_FROM_BYTES } from "../contract/limits.ts";
import type { BlobSource } from "./blob-source.ts";
import { readPieces } from "./read-file.ts";
import type { FileItem } from "./tree-item.ts";

/** Reads a file once and names its bytes; of a large one the parts are hashed in the same reading. */
export async function hashFile(
  item: FileItem,
  options: { onBytes?: ((bytes: number) => void) | undefined; signal?: AbortSignal | undefined } = {},
): Promise<BlobSource> {
  const { size } = item.seen;
  const whole = createHash("sha256");
  const parts = size >= PARTS_FROM_BYTES ? createPartHashes() : undefined;
  for await (const piece of readPieces(item)) {
    options.signal?.throwIfAborted();
    whole.update(piece);
    parts?.update(piece);
    options.onBytes?.(piece.length);
  }
  return { from: "file", item, size, sha256: whole.digest("hex"), parts: parts?.end() };
}

/** Pieces are 1 MiB but for short reads, so a part may end inside one. */
function createPartHashes() {
  const done: string[] = [];
  let part = createHash("sha256");
  let length = 0;
  const close = () => {
    done.push(part.digest("hex"));
    part = createHash("sha256");
    length = 0;
  };
  return {
    update(piece: Buffer) {
      for (let at = 0; at < piece.length; ) {
        const next = piece.subarray(at, at + PART_BYTES - length);
        part.update(next);
        length += next.length;
        at += next.length;
        if (length === PART_BYTES) close();
      }
    },
    end() {
      if (length > 0) close();
      return { size: PART_BYTES, sha256: done };
    },
  };
}
