import { MIN_SECRET_BYTES } from "../../contract/limits.ts";

/** What secrets look like in a text: as they are or escaped, and in base64, which may be broken into lines. */
export type Patterns = { text: Uint8Array[]; base64: Uint8Array[] };

/** Longer forms are looked for in pieces, so that no more than one piece is ever kept waiting. */
export const MAX_PIECE_BYTES = 256;

/** All forms in which a value is recognised. Of a value of several lines each line is a secret too, as far as it is not too short for one. */
export function patternsOf(values: Iterable<string>): Patterns {
  const text = new Set<string>();
  const base64 = new Set<string>();
  for (const value of values) {
    for (const secret of [value, ...value.split(/[\r\n]+/).map((line) => line.trim())]) {
      if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) continue;
      for (const form of textForms(secret)) cut(Buffer.from(form), text);
      for (const form of base64Forms(Buffer.from(secret))) cut(Buffer.from(form), base64);
    }
  }
  return { text: [...text].map(bytesOf), base64: [...base64].map(bytesOf) };
}

function textForms(secret: string): string[] {
  const url = encodeURIComponent(secret);
  const strict = url.replace(/[!'()*]/g, percent);
  const json = JSON.stringify(secret).slice(1, -1);
  const ascii = json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const plain = [
    secret,
    // As a shell shows a word in single quotes (`set -x`): bash, then dash.
    secret.replaceAll("'", "'\\''"),
    secret.replaceAll("'", "'\"'\"'"),
    json,
    json.replaceAll("/", "\\/"),
    ascii,
    // JSON in JSON, as structured logs have it.
    JSON.stringify(json).slice(1, -1),
  ];
  const forms = [url, strict, strict.replaceAll("%20", "+")];
  return [...plain, ...forms, ...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))];
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/**
 * In base64 three bytes are four digits: a secret in the middle of something looks different by where among the three it begins. Digits that
 * it shares with what stands before can't be known (they hold 2 or 4 bits of it); the last one is known when nothing follows.
 */
function base64Forms(secret: Buffer): string[] {
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const digits = Buffer.concat([Buffer.alloc(before), secret])
      .toString("base64")
      .replaceAll("=", "");
    const from = Math.ceil((before * 4) / 3);
    const whole = Math.floor(((before + secret.length) * 4) / 3);
    forms.push(digits.slice(from, whole), digits.slice(from));
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** Pieces of about the same length, none of them short. They are kept as text of one character per byte, to find equal ones. */
function cut(form: Buffer, into: Set<string>): void {
  const pieces = Math.ceil(form.length / MAX_PIECE_BYTES);
  for (let piece = 0; piece < pieces; piece++) {
    const [from, to] = [piece, piece + 1].map((at) => Math.floor((at * form.length) / pieces));
    into.add(form.toString("latin1", from, to));
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
