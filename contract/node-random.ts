import { randomBytes } from "node:crypto";

/** Crockford's base32 in lower case: no i, l, o, u. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";

/** So many digits of 5 random bits each, as ids have them that a program makes for itself. */
export const randomDigits = (count: number): string =>
  Array.from(randomBytes(count), (byte) => DIGITS[byte & 31]).join("");
