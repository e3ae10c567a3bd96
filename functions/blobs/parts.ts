import { RendtError } from "../../contract/errors.ts";
import { MAX_PARTS, PART_BYTES } from "../../contract/limits.ts";

const MIB = 1024 * 1024;

/** A part that the store has received whole. */
export type HeldPart = { number: number; size: number; sha256: string };

/** 32 MiB, or as many whole MiB as it takes for 10,000 parts to hold the blob. */
export const partSizeOf = (bytes: number): number => Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS / MIB) * MIB);

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
