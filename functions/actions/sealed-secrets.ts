import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import * as z from "zod";
import { RendtError } from "../../contract/errors.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const secretsOf = z.record(z.string(), z.string());

type Lock = { job: string; secret: Uint8Array };

/**
 * A job's secrets as the store keeps them: encrypted (AES-256-GCM) by a key made from the server's own secret, and bound to the job. So a look
 * into the database, or a copy of it alone, tells nothing of them.
 */
export function seal(
  secrets: Readonly<Record<string, string>>,
  { job, secret, random }: Lock & { random: (bytes: number) => Uint8Array },
): string {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(secret), nonce).setAAD(Buffer.from(job));
  const sealed = [cipher.update(JSON.stringify(secrets)), cipher.final()];
  return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString("base64");
}

/** Fails when the server's secret is another than the one that they were sealed with. */
export function unseal(sealed: string, { job, secret }: Lock): Record<string, string> {
  const bytes = Buffer.from(sealed, "base64");
  const cipher = createDecipheriv(CIPHER, keyOf(secret), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(job)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const opened = [cipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), cipher.final()];
    return secretsOf.parse(JSON.parse(Buffer.concat(opened).toString()));
  } catch (cause) {
    throw new RendtError("internal", `the secrets of job ${job} can't be opened: the server's own secret was changed`, {
      cause,
    });
  }
}

const keyOf = (secret: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(), "rendt-secrets-1", 32));
