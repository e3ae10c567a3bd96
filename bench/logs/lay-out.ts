import { randomBytes } from "node:crypto";
import { MAX_SECRETS_BYTES } from "../../contract/limits.ts";
import { createMasker } from "../../files/mask/masker.ts";
import { median } from "../support/numbers.ts";

const ROUNDS = 9;
/** Secrets as many bytes as a job may have, of the kinds that have the most forms or the most lines. */
const KINDS = {
  key: () => randomBytes(MAX_SECRETS_BYTES).toString("base64").replace(/.{64}/g, "$&\n"),
  words: () => randomBytes(MAX_SECRETS_BYTES).toString("hex").replace(/.{4}/g, "$&\n"),
  quotes: () => Array.from(randomBytes(MAX_SECRETS_BYTES), (byte) => `'"\\a/ `[byte % 6]).join(""),
};

/** How long a worker stands still when a task with as many secrets as there may be begins: the median in ms of each kind. */
export function timeLayOut(): { kind: string; ms: number }[] {
  return Object.entries(KINDS).map(([kind, make]) => {
    const took = Array.from({ length: ROUNDS }, () => {
      const masker = createMasker({ SECRET: make().slice(0, MAX_SECRETS_BYTES) });
      const began = performance.now();
      masker?.stream();
      return performance.now() - began;
    });
    return { kind, ms: median(took) };
  });
}
