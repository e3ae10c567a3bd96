/** The few forms of DER (ITU-T X.690) that a certificate is made of. */

function wrap(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
}

/** Up to 127 in one byte, else the number of bytes that follow, with the high bit set. */
function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length]);
  const digits = bigEndian(length);
  return Buffer.from([0x80 | digits.length, ...digits]);
}

function bigEndian(value: number): number[] {
  return value < 256 ? [value] : [...bigEndian(Math.floor(value / 256)), value % 256];
}

/** Seven bits a byte, all but the last with the high bit set. */
function base128(value: number, last = true): number[] {
  const digit = (value % 128) | (last ? 0 : 0x80);
  return value < 128 ? [digit] : [...base128(Math.floor(value / 128), false), digit];
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => wrap(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => wrap(0x31, ...parts);
/** Bytes as a number from 0, in as few as it takes; a leading zero keeps the high bit from being a sign. */
export function integer(bytes: Uint8Array): Buffer {
  const first = Math.max(
    0,
    bytes.findIndex((byte) => byte > 0),
  );
  const digits = bytes.subarray(first);
  return wrap(0x02, ...((digits[0] ?? 0) > 127 ? [Buffer.from([0])] : []), digits);
}
export const octets = (content: Uint8Array): Buffer => wrap(0x04, content);
/** Whole bytes: no bit of the last one is unused. */
export const bits = (content: Uint8Array): Buffer => wrap(0x03, Buffer.from([0]), content);
export const text = (value: string): Buffer => wrap(0x0c, Buffer.from(value));
/** `yymmddhhmmssZ`; from 2050 on RFC 5280 (§4.1.2.5) asks for the other one, `yyyymmddhhmmssZ`. */
export const shortTime = (value: string): Buffer => wrap(0x17, Buffer.from(value));
export const longTime = (value: string): Buffer => wrap(0x18, Buffer.from(value));
/** A field of a structure by its number: constructed around `content`, or with other bytes in its place. */
export const explicit = (number: number, content: Uint8Array): Buffer => wrap(0xa0 | number, content);
export const implicit = (number: number, bytes: Uint8Array): Buffer => wrap(0x80 | number, bytes);

export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return wrap(0x06, Buffer.from([first * 40 + second, ...rest.flatMap((part) => base128(part))]));
}
