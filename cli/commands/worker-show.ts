import { stateOf } from "../../contract/worker-state.ts";
import type { WorkerView } from "../../contract/worker-view.ts";
import type { Call } from "../command.ts";
import { reach } from "../server.ts";
import { formatTable, harmless } from "../table.ts";
import { formatAgo, formatSize } from "../units.ts";
import { selectWorkers } from "../worker-selector.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  const [id = ""] = await selectWorkers(client, words);
  const worker = await client.showWorker({ id });
  if (options.json) {
    terminal.json(worker);
    return 0;
  }
  const { name, account, slots, version, sandbox, registeredAt, lastSeenAt, tags = [], takes } = worker;
  const now = Date.now();
  const rows = [
    ["Worker", id],
    ["Name", harmless(name)],
    ["Account", account],
    ["Slots", String(slots)],
    ["Machine", harmless(describeMachine(worker))],
    ...(tags.length > 0 ? [["Tags", harmless(tags.join(" "))]] : []),
    ["Sandbox", sandbox],
    ...(takes?.minimumPay ? [["Minimum pay", `${takes.minimumPay} credits a CPU-hour, of strangers`]] : []),
    ["State", describe(worker, now)],
    ["Version", harmless(version)],
    ["Registered", formatAgo(registeredAt, now)],
    ["Seen", formatAgo(lastSeenAt, now)],
  ];
  for (const line of formatTable(rows)) terminal.line(line);
  return 0;
}

function describeMachine({ os, arch, cpus, gpus = 0, memoryBytes }: WorkerView): string {
  const devices = gpus === 0 ? "" : `, ${gpus} gpus`;
  return `${os} ${arch}, ${cpus} cpus${devices}, ${formatSize(memoryBytes)}`;
}

function describe(worker: WorkerView, now: number): string {
  const { away, drainedAt, drainingSince } = worker;
  const state = stateOf(worker, now);
  const since = { ready: undefined, silent: undefined, draining: drainingSince, drained: drainedAt };
  const at = state === "stopped" || state === "resting" ? away?.since : since[state];
  const word = at === undefined ? state : `${state} (${formatAgo(at, now)})`;
  return state === "stopped" && drainingSince !== undefined ? `${word}, drained` : word;
}
