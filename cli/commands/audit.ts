import type { Call } from "../command.ts";
import { listAll } from "../list-all.ts";
import { reach } from "../server.ts";
import { formatTable, harmless } from "../table.ts";

const LIMIT = 50;

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { client } = reach(call, "admin");
  const { account } = options;
  const items = await listAll((page) => client.audit({ account, ...page }), options["at-most"] ?? LIMIT);
  if (options.json) {
    terminal.json({ items });
    return 0;
  }
  const rows = items.map(({ at, account: owner, by, what, target, details }) => [
    new Date(at).toISOString().slice(0, 19).replace("T", " "),
    owner,
    by,
    what,
    target,
    details === undefined ? "" : harmless(JSON.stringify(details)),
  ]);
  for (const line of formatTable([["TIME (UTC)", "ACCOUNT", "BY", "WHAT", "TARGET", "DETAILS"], ...rows]))
    terminal.line(line);
  return 0;
}
