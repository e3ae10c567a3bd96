import { MIN_SECRET_BYTES } from "../../contract/limits.ts";

/** What secrets look like in a text: as they are or escaped, and in base64, which may be broken into lines. */
export type Patterns = { text: Uint8Array[]; base64: Uint8Array[] };

/** Longer forms are looked for in pieces, so that no more than one piece is ever kept waiting. */
export const MAX_PIECE_BYTES = 256;

/** All forms in which a value is recognised. Of a value of several lines each line is a secret too, as far as it is not too short for one. */
export function patternsOf(values: Iterable<string>): Patterns {
  const patterns: Patterns = { text: [], base64: [] };
  for (const secret of secretsIn(values)) {
    for (const form of textForms(secret)) cut(Buffer.from(form), patterns.text);
    for (const form of base64Forms(secret)) cut(Buffer.from(form, "latin1"), patterns.base64);
  }
  return patterns;
}

function secretsIn(values: Iterable<string>): Set<string> {
  const secrets = new Set<string>();
  for (const value of values)
    for (const secret of [value, ...value.split(/[\r\n]+/).map((line) => line.trim())])
      if (Buffer.byteLength(secret) >= MIN_SECRET_BYTES) secrets.add(secret);
  return secrets;
}

/** Nothing escapes these, whatever writes them. */
const PLAIN = /^[A-Za-z0-9_.~-]*$/;

function textForms(secret: string): Iterable<string> {
  if (PLAIN.test(secret)) return [secret];
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
  const lower = forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  return new Set([...plain, ...forms, ...lower]);
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/**
 * In base64 three bytes are four digits: a secret in the middle of something looks different by where among the three it begins. Digits that
 * it shares with what stands before can't be known (they hold 2 or 4 bits of it); the last one is known when nothing follows.
 */
function base64Forms(secret: string): string[] {
  const padded = Buffer.from(`\0\0${secret}`);
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const digits = padded.toString("base64", 2 - before);
    const from = Math.ceil((before * 4) / 3);
    const exact = ((padded.length - 2 + before) * 4) / 3;
    const [whole, all] = [Math.floor(exact), Math.ceil(exact)];
    const safe = digits.replaceAll("+", "-").replaceAll("/", "_");
    for (const each of safe === digits ? [digits] : [digits, safe]) {
      forms.push(each.slice(from, all));
      if (whole < all) forms.push(each.slice(from, whole));
    }
  }
  return forms;
}

/** Into pieces, none of them short; those of forms that begin alike are alike. */
function cut(form: Buffer, into: Uint8Array[]): void {
  let rest = form;
  for (; rest.length > 2 * MAX_PIECE_BYTES; rest = rest.subarray(MAX_PIECE_BYTES))
    into.push(rest.subarray(0, MAX_PIECE_BYTES));
  const middle = rest.length > MAX_PIECE_BYTES ? Math.ceil(rest.length / 2) : 0;
  if (middle > 0) into.push(rest.subarray(0, middle));
  into.push(rest.subarray(middle));
}
