import { randomBytes } from "node:crypto";

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH = 12;

/** A job id made here: 60 random bits, so that a create whose answer was lost can be sent again and makes one job. */
export function newJobId(): string {
  return `j${Array.from(randomBytes(LENGTH), (byte) => DIGITS[byte & 31]).join("")}`;
}
