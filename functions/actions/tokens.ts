import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { createToken as makeToken } from "../auth.ts";
import type { TokenRecord } from "../domain/records.ts";
import { accountsFor, knownAccount } from "./accounts.ts";
import { retrying } from "./apply.ts";
import { auditBy } from "./audit.ts";
import type { Call } from "./call.ts";
import { toCursor } from "./page.ts";

/** Makes a token of any account and role. */
export async function createToken(
  call: Call,
  request: ParsedRequestOf<"createToken">,
): Promise<AnswerOf<"createToken">> {
  const { world } = call;
  const { account, role, note, scopes, expiresInMs } = request;
  await knownAccount(world, account);
  const expiresAt = world.clock() + expiresInMs;
  const { text, record } = makeToken(
    { account, role, expiresAt, ...(note !== undefined && { note }), ...(scopes && { scopes }) },
    world,
  );
  const audit = auditBy(call, "token.create", record.id, { account, role, expiresAt, ...(scopes && { scopes }) });
  await commitNew(call, [{ kind: "token", put: record, expect: "absent" }, audit]);
  return { ...viewToken(record), text };
}

export async function listTokens(
  { world, who }: Call,
  request: ParsedRequestOf<"listTokens">,
): Promise<AnswerOf<"listTokens">> {
  const { items, ...next } = await world.store.list("token", accountsFor(who, request.account), toCursor(request));
  return { items: items.map(viewToken), ...next };
}

/** Takes a token back; asking again is nothing. What its worker runs may still be handed in. */
export async function revokeToken(call: Call, { token: id }: ParsedRequestOf<"revokeToken">) {
  const { world } = call;
  const revoked = await retrying(`token ${id}`, async () => {
    const before = await tokenFor(call, id);
    if (before.revokedAt !== undefined) return { value: before };
    const put = { ...before, revokedAt: world.clock(), version: before.version + 1 };
    const audit = auditBy(call, "token.revoke", id, { account: before.account });
    const committed = await world.store.commit([{ kind: "token", put, expect: before.version }, audit]);
    return committed === "conflict" ? "conflict" : { value: put };
  });
  world.tokens.delete(id);
  return viewToken(revoked);
}

/** A new token like the old one, which expires after the overlap. One that has expired or was revoked has no successor. */
export async function rotateToken(
  call: Call,
  { token: id, expiresInMs, overlapMs }: ParsedRequestOf<"rotateToken">,
): Promise<AnswerOf<"rotateToken">> {
  const { world } = call;
  const rotated = await retrying(`token ${id}`, async () => {
    const now = world.clock();
    const before = await tokenFor(call, id);
    if (before.revokedAt !== undefined) throw new RendtError("token_revoked", `token ${id} was revoked`);
    const { account, role, note, scopes, expiresAt = Number.POSITIVE_INFINITY } = before;
    if (expiresAt <= now) throw new RendtError("token_expired", `token ${id} has expired`);
    const holder = { account, role, ...(note !== undefined && { note }), ...(scopes && { scopes }) };
    const { text, record } = makeToken({ ...holder, expiresAt: now + expiresInMs }, world);
    const old = { ...before, expiresAt: Math.min(expiresAt, now + overlapMs), version: before.version + 1 };
    const committed = await world.store.commit([
      { kind: "token", put: old, expect: before.version },
      { kind: "token", put: record, expect: "absent" },
      auditBy(call, "token.rotate", id, { account, successor: record.id }),
    ]);
    return committed === "conflict" ? "conflict" : { value: { ...viewToken(record), text } };
  });
  world.tokens.delete(id);
  return rotated;
}

/** Any token for an admin, for others the one that they use. */
async function tokenFor({ world, who }: Call, id: string): Promise<TokenRecord> {
  const [token] = who.role === "admin" || id === who.token ? await world.store.get("token", [id]) : [];
  if (token) return token;
  throw new RendtError("not_found", `there is no token ${id}, or it is not this one: only admins change others`);
}

async function commitNew({ world }: Call, changes: Parameters<Call["world"]["store"]["commit"]>[0]): Promise<void> {
  if ((await world.store.commit(changes)) === "conflict") throw new RendtError("conflict", "a drawn id was taken");
}

/** All of a token but its hash. */
export const viewToken = ({ v: _, hash: __, version: ___, ...view }: TokenRecord) => view;
