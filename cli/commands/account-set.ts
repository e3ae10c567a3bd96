import { describeQuotas, readQuotas } from "../access.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const [id = ""] = words;
  if (!options.quota && options.note === undefined) throw usage("nothing to change was named: give --quota or --note");
  const quotas = readQuotas(options.quota);
  const account = await reach(call, "admin").client.changeAccount({ id, note: options.note, quotas });
  if (options.json) terminal.json(account);
  else terminal.line(`${account.id}  ${describeQuotas(account.quotas).join(", ") || "no quotas"}`);
  return 0;
}
