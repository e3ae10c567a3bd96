import { createHmac, timingSafeEqual } from "node:crypto";
import { RendtError } from "../contract/errors.ts";

/** What a link says: which job, until when, and which round of links of that job it belongs to. */
export type Link = { job: string; round: number; expiresAt: number };

const LINK = /^rendt_link_(j[0-9a-z]{12})_([0-9a-z]{1,7})_([0-9a-z]{1,11})_([0-9a-f]{64})$/;

export const isLink = (text: string): boolean => text.startsWith("rendt_link_");

/** A capability: nothing of it is stored, the server knows its own signature again. */
export function createLink(link: Link, secret: Uint8Array): string {
  const body = `rendt_link_${link.job}_${link.round.toString(36)}_${link.expiresAt.toString(36)}`;
  return `${body}_${sign(body, secret).toString("hex")}`;
}

/** Reads a link that this server made; whether it was taken back stands in the job's record. */
export function readLink(text: string, { secret, now }: { secret: Uint8Array; now: number }): Link {
  const [, job, round, end, signature] = LINK.exec(text) ?? [];
  if (job === undefined || round === undefined || end === undefined || signature === undefined) {
    throw new RendtError("bad_token", "this is not a whole link: a character is wrong or part of it is missing");
  }
  const body = text.slice(0, -signature.length - 1);
  if (!timingSafeEqual(sign(body, secret), Buffer.from(signature, "hex"))) {
    throw new RendtError("bad_token", "this link was not made by this server");
  }
  const expiresAt = Number.parseInt(end, 36);
  if (expiresAt <= now)
    throw new RendtError("token_expired", `this link expired at ${new Date(expiresAt).toISOString()}`);
  return { job, round: Number.parseInt(round, 36), expiresAt };
}

const sign = (body: string, secret: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`rendt-link-1\n${body}`).digest();
