import { type Role, role } from "../../contract/account.ts";
import { createToken } from "../auth.ts";
import type { Deps } from "../deps.ts";

/** The account of an embedded server's owner. */
const FIRST_ACCOUNT = "main";

/** The texts of the first tokens, one for each role: they exist here only, because the store keeps their hashes. */
export type FirstTokens = { account: string; tokens: Record<Role, string> };

/** Gives a store without any token an account with one of each role; undefined when it has some already. */
export async function firstStart(deps: Pick<Deps, "store" | "clock" | "random">): Promise<FirstTokens | undefined> {
  const { items } = await deps.store.list("token", undefined, { limit: 1 });
  if (items.length > 0) return undefined;
  const made = role.options.map((name) => ({ name, ...createToken({ account: FIRST_ACCOUNT, role: name }, deps) }));
  const committed = await deps.store.commit(
    made.map(({ record }) => ({ kind: "token", put: record, expect: "absent" })),
  );
  if (committed === "conflict") return undefined;
  const tokens = Object.fromEntries(made.map(({ name, text }) => [name, text])) as Record<Role, string>;
  return { account: FIRST_ACCOUNT, tokens };
}
