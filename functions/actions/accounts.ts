import type { Principal, Quotas } from "../../contract/account.ts";
import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { AccountRecord } from "../domain/records.ts";
import { retrying } from "./apply.ts";
import { auditBy } from "./audit.ts";
import type { Call, World } from "./call.ts";
import { toCursor } from "./page.ts";
import { usedOf } from "./quotas.ts";

/** Creates an account; it holds nothing until a token or an enrolment code is made for it. */
export async function createAccount(
  call: Call,
  { id, note, quotas }: ParsedRequestOf<"createAccount">,
): Promise<AnswerOf<"createAccount">> {
  const { store, clock } = call.world;
  const put = newAccount({ id, quotas, ...(note !== undefined && { note }) }, clock());
  const audit = auditBy(call, "account.create", id, { quotas });
  if ((await store.commit([{ kind: "account", put, expect: "absent" }, audit])) === "conflict") {
    throw new RendtError("id_taken", `there is an account ${id} already`);
  }
  return viewAccount(put);
}

export const newAccount = (
  fields: Pick<AccountRecord, "id" | "quotas"> & { note?: string },
  now: number,
): AccountRecord => ({ v: 1, version: 1, createdAt: now, ...fields });

export async function listAccounts(
  { world }: Call,
  request: ParsedRequestOf<"listAccounts">,
): Promise<AnswerOf<"listAccounts">> {
  const { items, ...next } = await world.store.list("account", undefined, toCursor(request));
  return { items: items.map(viewAccount), ...next };
}

/** An account and what is used of its quotas; whoever is no admin sees their own. */
export async function showAccount(
  { world, who }: Call,
  { id }: ParsedRequestOf<"showAccount">,
): Promise<AnswerOf<"showAccount">> {
  const account = await knownAccount(world, accountFor(who, id));
  return { ...viewAccount(account), used: await usedOf(world, account) };
}

export async function changeAccount(
  call: Call,
  { id, note, quotas: wanted }: ParsedRequestOf<"changeAccount">,
): Promise<AnswerOf<"changeAccount">> {
  const { world } = call;
  const changed = await retrying(`account ${id}`, async () => {
    const before = await knownAccount(world, id);
    const quotas = changedQuotas(before.quotas, wanted);
    const put = { ...before, quotas, version: before.version + 1, ...(note !== undefined && { note }) };
    const audit = auditBy(call, "account.change", id, { quotas });
    const committed = await world.store.commit([{ kind: "account", put, expect: before.version }, audit]);
    return committed === "conflict" ? "conflict" : { value: put };
  });
  world.quotas.delete(id);
  return viewAccount(changed);
}

type Changes = ParsedRequestOf<"changeAccount">["quotas"];

function changedQuotas(before: Quotas, changes: Changes): Quotas {
  const all = Object.entries({ ...before, ...changes });
  return Object.fromEntries(all.filter(([, most]) => most !== null && most !== undefined));
}

export async function knownAccount({ store }: Pick<World, "store">, id: string): Promise<AccountRecord> {
  const [account] = await store.get("account", [id]);
  if (account) return account;
  throw new RendtError("not_found", `there is no account ${JSON.stringify(id)}: \`rendt account list\` shows all`);
}

/** The account that is meant: admins may name any, others their own. That another one exists is nobody's business. */
export function accountFor(who: Principal, wanted: string): string {
  if (who.role === "admin" || wanted === who.account) return wanted;
  throw new RendtError("not_found", `this token sees account ${who.account} only, not ${JSON.stringify(wanted)}`);
}

/** For lists: admins who name no account see all. */
export const accountsFor = (who: Principal, wanted: string | undefined): string | undefined =>
  wanted === undefined ? (who.role === "admin" ? undefined : who.account) : accountFor(who, wanted);

const viewAccount = ({ v: _, version: __, ...view }: AccountRecord) => view;
