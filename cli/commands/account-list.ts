import { ACCOUNT_HEAD, accountRow } from "../access.ts";
import type { Call } from "../command.ts";
import { listAll } from "../list-all.ts";
import { reach } from "../server.ts";
import { formatTable } from "../table.ts";

const LIMIT = 1000;

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { client } = reach(call, "admin");
  const items = await listAll((page) => client.listAccounts(page), options["at-most"] ?? LIMIT);
  const now = Date.now();
  if (options.json) terminal.json({ items });
  else if (options.quiet) for (const { id } of items) terminal.line(id);
  else
    for (const line of formatTable([ACCOUNT_HEAD, ...items.map((each) => accountRow(each, now))])) terminal.line(line);
  return 0;
}
