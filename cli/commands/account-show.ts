import { describeQuotas } from "../access.ts";
import type { Call } from "../command.ts";
import { reach } from "../server.ts";
import { formatTable, harmless } from "../table.ts";
import { formatAgo } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  const id = words[0] ?? (await client.whoami()).account;
  // A profile may hold an admin's token, too, for looking at others.
  const account = await (words[0] === undefined ? client : reach(call, "admin").client).showAccount({ id });
  if (options.json) {
    terminal.json(account);
    return 0;
  }
  const [first = "none", ...more] = describeQuotas(account.quotas, account.used);
  const rows = [
    ["Account", account.id],
    ["Note", harmless(account.note ?? "")],
    ["Created", formatAgo(account.createdAt, Date.now())],
    ["Quotas", first],
    ...more.map((line) => ["", line]),
  ];
  for (const line of formatTable(rows.filter(([, value]) => value !== ""))) terminal.line(line);
  return 0;
}
