import type { Quotas } from "../../contract/account.ts";
import { readQuotas } from "../access.ts";
import type { Call } from "../command.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const [id = ""] = words;
  const given = Object.entries(readQuotas(options.quota)).filter(([, most]) => most !== null);
  const quotas: Quotas = Object.fromEntries(given);
  const account = await reach(call, "admin").client.createAccount({ id, note: options.note, quotas });
  if (options.json) terminal.json(account);
  else terminal.line(account.id);
  return 0;
}
