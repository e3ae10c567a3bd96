import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Principal, Role } from "../contract/account.ts";
import { RendtError } from "../contract/errors.ts";
import { base32, newId } from "./actions/ids.ts";
import type { Deps } from "./deps.ts";
import type { TokenRecord } from "./domain/records.ts";

/** How long a token is believed without asking the store again: a revocation takes at most this long to be felt. */
const BELIEVED_MS = 60_000;
/** Tokens remembered at once; past it memory starts afresh, which costs one store read each. */
const MAX_REMEMBERED = 10_000;

const TOKEN = /^rendt_(admin|submitter|worker)_(t[0-9a-z]{12})_([0-9a-z]{32})_([0-9a-f]{8})$/;
/** A token, or something that carries one, in a URL. */
export const TOKEN_IN_URL = /rendt_(?:admin|submitter|worker)_t|[?&](?:access_)?token=/;

/** Who asks, and whether their token was revoked: what they run may still be handed in. */
export type Known = { who: Principal; revoked: boolean };

/** Reads `Authorization: Bearer …` headers; every way in which a token can be wrong has its code. */
export function createAuth({ store, clock }: Pick<Deps, "store" | "clock">): (header: string | null) => Promise<Known> {
  const remembered = new Map<string, { token: TokenRecord; until: number }>();

  return async function authenticate(header) {
    const hash = hashToken(readHeader(header));
    const now = clock();
    let known = remembered.get(hash);
    if (!known || known.until <= now || known.until > now + BELIEVED_MS) {
      const [token] = await store.get("token", [hash]);
      if (!token) throw new RendtError("bad_token", "this token is unknown to this server");
      if (remembered.size >= MAX_REMEMBERED) remembered.clear();
      known = { token, until: now + BELIEVED_MS };
      remembered.set(hash, known);
    }
    const { id, account, role, expiresAt, revokedAt } = known.token;
    if (expiresAt !== undefined && expiresAt <= now) {
      throw new RendtError("token_expired", `token ${id} expired at ${new Date(expiresAt).toISOString()}`);
    }
    return { who: { account, role, token: id }, revoked: revokedAt !== undefined && revokedAt <= now };
  };
}

function readHeader(header: string | null): string {
  if (header === null || header === "") throw new RendtError("no_token", "this operation needs a token");
  const [, text] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  if (text === undefined) {
    throw new RendtError("bad_token", "the Authorization header is not of the form 'Bearer TOKEN'");
  }
  const parts = TOKEN.exec(text);
  if (!parts || checksum(text.slice(0, -9)) !== parts[4]) {
    throw new RendtError("bad_token", "this is not a whole token: a character is wrong or part of it is missing");
  }
  return text;
}

/** Makes a token: the text is shown once to its holder, the record (which holds only its SHA-256) is stored. */
export function createToken(
  holder: { account: string; role: Role; expiresAt?: number },
  { clock, random }: Pick<Deps, "clock" | "random">,
): { text: string; record: TokenRecord } {
  const id = newId("t", random);
  const body = `rendt_${holder.role}_${id}_${base32(random(20), 32)}`;
  const text = `${body}_${checksum(body)}`;
  return { text, record: { v: 1, id, hash: hashToken(text), version: 1, createdAt: clock(), ...holder } };
}

const hashToken = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Lets a mistyped or cut token be told from an unknown one without a look into the store. */
const checksum = (text: string): string => crc32(text).toString(16).padStart(8, "0");
