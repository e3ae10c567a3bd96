import { type Role, role } from "../../contract/account.ts";
import { createToken } from "../auth.ts";
import type { Deps } from "../deps.ts";
import { newAccount } from "./accounts.ts";
import { auditOf } from "./audit.ts";

/** The account of the server's owner. */
const FIRST_ACCOUNT = "main";

/** The texts of the first tokens, one for each role: they exist here only, because the store keeps their hashes. */
export type FirstTokens = { account: string; tokens: Record<Role, string> };

/**
 * Gives a store without any token an account with one of each role; undefined when it has some already. `another`: makes a further set
 * all the same, for an operator who lost the first one. `by` is who the audit names: no token can, yet.
 */
export async function firstAdmin(
  deps: Pick<Deps, "store" | "clock" | "random">,
  { by, another = false }: { by: "first start" | "iam"; another?: boolean | undefined },
): Promise<FirstTokens | undefined> {
  const { store } = deps;
  const { items } = await store.list("token", undefined, { limit: 1 });
  if (items.length > 0 && !another) return undefined;
  const [known] = await store.get("account", [FIRST_ACCOUNT]);
  const made = role.options.map((name) => ({ name, ...createToken({ account: FIRST_ACCOUNT, role: name }, deps) }));
  const committed = await store.commit([
    ...made.map(({ record }) => ({ kind: "token" as const, put: record, expect: "absent" as const })),
    // Of two first starts at once only one can make the account.
    ...(known
      ? []
      : [
          {
            kind: "account",
            put: newAccount({ id: FIRST_ACCOUNT, quotas: {} }, deps.clock()),
            expect: "absent",
          } as const,
        ]),
    ...made.map(({ name, record }) =>
      auditOf(deps, { account: FIRST_ACCOUNT, by, what: "token.create", target: record.id, details: { role: name } }),
    ),
  ]);
  if (committed === "conflict") return undefined;
  const tokens = Object.fromEntries(made.map(({ name, text }) => [name, text])) as Record<Role, string>;
  return { account: FIRST_ACCOUNT, tokens };
}
