/** What of the X11 protocol asking for the idle time needs (X Window System Protocol, Appendix B; MIT-SCREEN-SAVER, section 5). */

const LITTLE_ENDIAN = 0x6c;
const VERSION = 11;
/** The name of the way to show a key that servers of desktops have (xauth(1)). */
export const COOKIE = "MIT-MAGIC-COOKIE-1";
const QUERY_EXTENSION = 98;
/** QueryInfo of MIT-SCREEN-SAVER. */
const QUERY_INFO = 1;
const SUCCESS = 1;
const FIXED_BYTES = 32;
/** An event whose length is told, as a reply's is. */
const GENERIC_EVENT = 35;

/** The greeting; without a cookie the server looks at who asks. */
export function encodeSetup(cookie: Buffer | undefined): Buffer {
  const name = Buffer.from(cookie ? COOKIE : "");
  const data = cookie ?? Buffer.alloc(0);
  const fixed = Buffer.alloc(12);
  fixed[0] = LITTLE_ENDIAN;
  fixed.writeUInt16LE(VERSION, 2);
  fixed.writeUInt16LE(name.length, 6);
  fixed.writeUInt16LE(data.length, 8);
  return Buffer.concat([fixed, padded(name), padded(data)]);
}

/** How long the answer to a greeting is; undefined while its beginning is not there yet. */
export const setupLength = (bytes: Buffer): number | undefined =>
  bytes.length < 8 ? undefined : 8 + 4 * bytes.readUInt16LE(6);

/** The first screen's root window; throws what the server says when it lets nobody in. */
export function readSetup(bytes: Buffer): number {
  if (bytes[0] !== SUCCESS) {
    const words = bytes.toString("latin1", 8, 8 + (bytes[0] === 0 ? (bytes[1] ?? 0) : bytes.length));
    const said = words.replaceAll(/[^ -~]/g, "").trim() || "without a word";
    throw new Error(`no key that it takes is in ~/.Xauthority or the file that XAUTHORITY names (${said})`);
  }
  if (bytes.length < 40) throw new Error("its greeting is cut off");
  const screens = 40 + align(bytes.readUInt16LE(24)) + 8 * bytes.readUInt8(29);
  if (bytes.length < screens + 4) throw new Error("it has no screen");
  return bytes.readUInt32LE(screens);
}

export function encodeQueryExtension(name: string): Buffer {
  const bytes = Buffer.from(name);
  const fixed = request(QUERY_EXTENSION, 0, 8 + align(bytes.length));
  fixed.writeUInt16LE(bytes.length, 4);
  return Buffer.concat([fixed, padded(bytes)]);
}

/** Its opcode, where the server has it. */
export const readExtension = (reply: Buffer): number | undefined => (reply[8] === 1 ? reply.readUInt8(9) : undefined);

export function encodeQueryIdle(opcode: number, root: number): Buffer {
  const message = request(opcode, QUERY_INFO, 8);
  message.writeUInt32LE(root, 4);
  return message;
}

export const readIdleMs = (reply: Buffer): number => reply.readUInt32LE(16);

/** What comes after the greeting: errors (0), replies (1), and events, which go to everybody. */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  return bytes[0] === 1 || bytes[0] === GENERIC_EVENT ? FIXED_BYTES + 4 * bytes.readUInt32LE(4) : FIXED_BYTES;
}

/** The beginning of a request, which has 8 bytes that are the same. */
function request(opcode: number, minor: number, length: number): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.set([opcode, minor]);
  fixed.writeUInt16LE(length / 4, 2);
  return fixed;
}

const align = (length: number): number => Math.ceil(length / 4) * 4;
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(align(bytes.length) - bytes.length)]);
