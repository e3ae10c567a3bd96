/** Messages of D-Bus as far as asking for one value needs them (dbus.freedesktop.org/doc/dbus-specification.html, "Marshaling"). */
export type Call = {
  destination: string;
  path: string;
  interface: string;
  member: string;
  /** Strings are all that we ever send. */
  words?: readonly string[];
};

export type Basic = string | number | bigint | boolean;
export type Answer = { replyTo: number; error?: string; value?: Basic };

const LITTLE_ENDIAN = 0x6c;
const METHOD_CALL = 1;
const ERROR = 3;
const VERSION = 1;
const FIELD = { path: 1, interface: 2, member: 3, error: 4, replySerial: 5, destination: 6, signature: 8 } as const;
const FIXED_BYTES = 16;
/** The specification's own limit. */
export const MOST_BYTES = 128 * 1024 * 1024;

export function encodeCall(serial: number, { words = [], ...call }: Call): Buffer {
  const body = join(words.map((word) => text("s", word)));
  const fields: [number, string, string][] = [
    [FIELD.path, "o", call.path],
    [FIELD.interface, "s", call.interface],
    [FIELD.member, "s", call.member],
    [FIELD.destination, "s", call.destination],
    ...(words.length > 0 ? [[FIELD.signature, "g", "s".repeat(words.length)] as [number, string, string]] : []),
  ];
  let header = Buffer.alloc(0);
  for (const [code, type, value] of fields) {
    const start = Buffer.concat([padded(header, 8), Buffer.from([code]), text("g", type)]);
    header = Buffer.concat([type === "g" ? start : padded(start, 4), text(type, value)]);
  }
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.set([LITTLE_ENDIAN, METHOD_CALL, 0, VERSION]);
  fixed.writeUInt32LE(body.length, 4);
  fixed.writeUInt32LE(serial, 8);
  fixed.writeUInt32LE(header.length, 12);
  return Buffer.concat([fixed, padded(header, 8), body]);
}

/** How long the message is that begins here; undefined while its beginning is not there yet. */
export function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const [bodyLength, headerLength] = [uint32(bytes, 4), uint32(bytes, 12)];
  return align(FIXED_BYTES + headerLength, 8) + bodyLength;
}

/** Reads a whole message: whom it answers, and the first value in it. */
export function decodeAnswer(bytes: Buffer): Answer {
  const end = FIXED_BYTES + uint32(bytes, 12);
  const fields = new Map<number, Basic>();
  let at = FIXED_BYTES;
  while (at < end) {
    at = align(at, 8);
    const code = bytes[at] ?? 0;
    const found = variant(bytes, at + 1);
    fields.set(code, found.value);
    at = found.next;
  }
  const signature = String(fields.get(FIELD.signature) ?? "");
  const replyTo = Number(fields.get(FIELD.replySerial) ?? 0);
  const value = signature === "" ? undefined : basic(signature.charAt(0), bytes, align(end, 8)).value;
  if (bytes[1] === ERROR) return { replyTo, error: `${fields.get(FIELD.error)}: ${value ?? ""}` };
  return { replyTo, ...(value !== undefined && { value }) };
}

type Found = { value: Basic; next: number };

function variant(bytes: Buffer, at: number): Found {
  const { value, next } = basic("g", bytes, at);
  return basic(String(value), bytes, next);
}

function basic(type: string, bytes: Buffer, from: number): Found {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = align(from, SIZE[type] ?? 1);
  const stringAt = (start: number, length: number) => ({
    value: bytes.toString("utf8", start, start + length),
    next: start + length + 1,
  });
  switch (type) {
    case "y":
      return { value: view.getUint8(at), next: at + 1 };
    case "b":
      return { value: view.getUint32(at, true) !== 0, next: at + 4 };
    case "u":
      return { value: view.getUint32(at, true), next: at + 4 };
    case "i":
      return { value: view.getInt32(at, true), next: at + 4 };
    case "t":
      return { value: view.getBigUint64(at, true), next: at + 8 };
    case "x":
      return { value: view.getBigInt64(at, true), next: at + 8 };
    case "d":
      return { value: view.getFloat64(at, true), next: at + 8 };
    case "s":
    case "o":
      return stringAt(at + 4, view.getUint32(at, true));
    case "g":
      return stringAt(at + 1, view.getUint8(at));
    case "v":
      return variant(bytes, at);
    default:
      throw new Error(`a D-Bus value of type ${type}, which is not read here`);
  }
}

/** Alignment of each type, which is its size where it has one. */
const SIZE: Readonly<Record<string, number>> = { b: 4, u: 4, i: 4, s: 4, o: 4, t: 8, x: 8, d: 8 };

/** A string with its length, and the zero that the length does not count. */
function text(type: string, value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  const length = type === "g" ? Buffer.from([bytes.length - 1]) : Buffer.alloc(4);
  if (type !== "g") length.writeUInt32LE(bytes.length - 1);
  return Buffer.concat([length, bytes]);
}

const join = (parts: readonly Buffer[]): Buffer =>
  parts.reduce((all, part) => Buffer.concat([padded(all, 4), part]), Buffer.alloc(0));

const align = (at: number, to: number): number => Math.ceil(at / to) * to;
const padded = (bytes: Buffer, to: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(align(bytes.length, to) - bytes.length)]);
const uint32 = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at);
