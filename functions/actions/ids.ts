/** Crockford's base32 in lower case: no i, l, o, u. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** The first `length` base32 digits of some bytes (5 bits each). */
export function base32(bytes: Uint8Array, length: number): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < length) {
      bits -= 5;
      text += DIGITS[(held >> bits) & 31];
      held &= (1 << bits) - 1;
    }
  }
  if (text.length < length) throw new RangeError(`${bytes.length} bytes are too few for ${length} base32 digits`);
  return text;
}

/** What a person typed as base32: capitals, and letters that Crockford reads as digits. */
export const readBase32 = (text: string): string => text.toLowerCase().replaceAll("o", "0").replaceAll(/[il]/g, "1");

/** A new id: its prefix and 60 random bits, the form of contract/job.ts and contract/worker.ts. */
export function newId(prefix: "a" | "j" | "w" | "t", random: (bytes: number) => Uint8Array): string {
  return prefix + base32(random(8), 12);
}
