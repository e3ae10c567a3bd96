import { stateOf } from "../../contract/worker-state.ts";
import type { WorkerView } from "../../contract/worker-view.ts";
import type { Call } from "../command.ts";
import { listAll } from "../list-all.ts";
import { reach } from "../server.ts";
import { formatTable, harmless } from "../table.ts";
import { formatAgo } from "../units.ts";

const LIMIT = 1000;

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { client } = reach(call, options["all-accounts"] ? "admin" : "submitter");
  const account = options["all-accounts"] ? undefined : (options.account ?? (await client.whoami()).account);
  const items = await listAll((page) => client.listWorkers({ account, ...page }), options["at-most"] ?? LIMIT);
  const now = Date.now();
  if (options.json) terminal.json({ items });
  else if (options.quiet) for (const { id } of items) terminal.line(id);
  else for (const line of formatTable([HEAD, ...items.map((each) => rowOf(each, now))])) terminal.line(line);
  return 0;
}

const HEAD = ["ID", "NAME", "ACCOUNT", "SLOTS", "SYSTEM", "SANDBOX", "STATE", "SEEN"];

function rowOf(worker: WorkerView, now: number): string[] {
  const { id, name, account, slots, os, arch, sandbox, lastSeenAt } = worker;
  const machine = [id, harmless(name), account, String(slots), harmless(`${os} ${arch}`), sandbox];
  return [...machine, stateOf(worker, now), formatAgo(lastSeenAt, now)];
}
