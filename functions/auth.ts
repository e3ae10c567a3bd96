import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Principal, Role, Scopes } from "../contract/account.ts";
import { RendtError } from "../contract/errors.ts";
import type { World } from "./actions/call.ts";
import { base32, newId } from "./actions/ids.ts";
import { isLink, readLink } from "./auth-link.ts";
import type { Deps } from "./deps.ts";
import type { TokenRecord } from "./domain/records.ts";
import { remember } from "./domain/remember.ts";

/** How long a token is believed without asking the store again: a revocation by another process takes at most this long to be felt. */
const BELIEVED_MS = 60_000;
const DAY_MS = 86_400_000;

const TOKEN = /^rendt_(admin|submitter|worker)_(t[0-9a-z]{12})_([0-9a-z]{32})_([0-9a-f]{8})$/;
/** A token or a link, or something that carries one, in a URL. */
export const TOKEN_IN_URL = /rendt_(?:(?:admin|submitter|worker)_t|link_j)|[?&](?:access_)?token=/;

/** Who asks, and whether their token was revoked: what they run may still be handed in. */
export type Known = { who: Principal; revoked: boolean };

/** Reads `Authorization: Bearer …` headers; every way in which a token or a link can be wrong has its code. */
export function createAuth(
  world: Pick<World, "store" | "clock" | "tokens" | "secret" | "log">,
): (header: string | null) => Promise<Known> {
  const { store, clock, tokens } = world;

  return async function authenticate(header) {
    const text = readHeader(header);
    if (isLink(text)) return byLink(text);
    const id = readId(text);
    const now = clock();
    let known = tokens.get(id);
    if (!known || known.until <= now || known.until > now + BELIEVED_MS) {
      const [token] = await store.get("token", [id]);
      if (!token || !isTextOf(token, text)) throw unknown();
      known = { token, until: now + BELIEVED_MS };
      remember(tokens, id, known);
      await noteUse(token, now);
    }
    if (!isTextOf(known.token, text)) throw unknown();
    const { account, role, scopes, createdAt, expiresAt, revokedAt } = known.token;
    if (expiresAt !== undefined && expiresAt <= now) {
      throw new RendtError("token_expired", `token ${id} expired at ${new Date(expiresAt).toISOString()}`);
    }
    const who = { account, role, token: id, ...(scopes && { scopes }), createdAt, expiresAt };
    return { who, revoked: revokedAt !== undefined && revokedAt <= now };
  };

  async function byLink(text: string): Promise<Known> {
    const { job: id, round } = readLink(text, { secret: world.secret, now: clock() });
    const [job] = await store.get("job", [id]);
    if (!job) throw new RendtError("not_found", `the job ${id} of this link was removed`);
    if ((job.links ?? 0) !== round) throw new RendtError("token_revoked", `the links to job ${id} were taken back`);
    return { who: { account: job.owner, role: "submitter", token: "link", job: id }, revoked: false };
  }

  /** The day of the last use is worth one write a day, and no refusal: what it can't note is noted another time. */
  async function noteUse(token: TokenRecord, now: number): Promise<void> {
    const usedOn = now - (now % DAY_MS);
    if (token.usedOn === usedOn || token.revokedAt !== undefined) return;
    const put = { ...token, usedOn, version: token.version + 1 };
    try {
      await store.commit([{ kind: "token", put, expect: token.version }]);
    } catch (error) {
      world.log("warn", "the use of a token was not noted", { token: token.id, error: String(error) });
    }
  }
}

function readHeader(header: string | null): string {
  if (header === null || header === "") throw new RendtError("no_token", "this operation needs a token");
  const [, text] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  if (text !== undefined) return text;
  throw new RendtError("bad_token", "the Authorization header is not of the form 'Bearer TOKEN'");
}

function readId(text: string): string {
  const [, , id, , sum] = TOKEN.exec(text) ?? [];
  if (id !== undefined && checksum(text.slice(0, -9)) === sum) return id;
  throw new RendtError("bad_token", "this is not a whole token: a character is wrong or part of it is missing");
}

const isTextOf = ({ hash }: TokenRecord, text: string): boolean =>
  timingSafeEqual(Buffer.from(hash), Buffer.from(hashToken(text)));

const unknown = () => new RendtError("bad_token", "this token is unknown to this server");

/** Makes a token: the text is shown once to its holder, the record (which holds only its SHA-256) is stored. */
export function createToken(
  holder: { account: string; role: Role; expiresAt?: number; note?: string; scopes?: Scopes },
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
