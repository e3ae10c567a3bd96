import { RendtError } from "../../contract/errors.ts";
import { MAX_PARTS, PART_BYTES } from "../../contract/limits.ts";

const MIB = 1024 * 1024;
/** A line that breaks then loses a 512th of the blob on average. */
const PARTS_WANTED = 256;

/** A part that the store has received whole. */
export type HeldPart = { number: number; size: number; sha256: string };

/**
 * How large the parts of a blob are, in whole MiB: `least` where that makes few of them, then a 256th of the blob up to PART_BYTES, and more
 * where 10,000 parts would not hold it. Each part is a request, and what a store that keeps no beginnings is sent again after a break.
 */
export function partSizeOf(size: number, least: number): number {
  const wanted = Math.max(least, Math.min(PART_BYTES, size / PARTS_WANTED), size / MAX_PARTS);
  return Math.ceil(wanted / MIB) * MIB;
}

/** How a blob is cut, and which of its parts are held, ascending; one that was held when blobs were cut otherwise is no part any more. */
export function cutOf(size: number, held: readonly HeldPart[], least: number): { partSize: number; held: number[] } {
  const partSize = partSizeOf(size, least);
  const fitting = held.filter((part) => part.size === Math.min(partSize, size - (part.number - 1) * partSize));
  return { partSize, held: [...new Set(fitting.map(({ number }) => number))].sort((a, b) => a - b) };
}

/** The held parts that make up a blob of `size` bytes, in order, as the client named them; else `wrong_content`. */
export function chooseParts(
  size: number,
  named: readonly { number: number; sha256: string }[],
  held: readonly HeldPart[],
): HeldPart[] {
  const found = new Map(held.map((part) => [`${part.number} ${part.sha256}`, part]));
  const chosen = named.map(({ number, sha256 }, index) => {
    const part = found.get(`${number} ${sha256}`);
    if (number !== index + 1) throw wrong(`part ${index + 1} is not named, or not in order`, { part: index + 1 });
    if (!part) throw wrong(`part ${number} did not arrive with this SHA-256`, { part: number, sha256 });
    return part;
  });
  const bytes = chosen.reduce((sum, part) => sum + part.size, 0);
  if (bytes !== size) throw wrong(`its parts have ${bytes} bytes, the blob has ${size}`, { bytes, size });
  return chosen;
}

const wrong = (reason: string, details: Record<string, unknown>) =>
  new RendtError("wrong_content", `the upload cannot be completed: ${reason}`, { details });
