import type { WorkerStatus } from "../../worker/status.ts";
import type { Call } from "../command.ts";
import { askWorkers } from "../running-workers.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { formatDuration } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const workers = await askWorkers(call);
  if (options.json) {
    const items = workers.map(({ id, name, slots, allowed, ending, drained, rules, problem }) => ({
      ...{ id, name, slots, allowed, ending, drained, rules },
      ...(problem !== undefined && { problem }),
    }));
    terminal.json({ items });
  } else for (const worker of workers) tell(worker, terminal);
  return 0;
}

function tell(worker: WorkerStatus, terminal: Terminal): void {
  const { id, name, rules, problem } = worker;
  terminal.line(`${id} ${harmless(name)}: ${conclude(worker)}`);
  const now = Date.now();
  const rows = [...rules]
    .sort((a, b) => Number(b.holds) - Number(a.holds))
    .map(({ holds, code, text, until }) => [holds ? "holds" : "fits", code, harmless(text) + sayUntil(until, now)]);
  for (const line of formatTable(rows)) terminal.line(`  ${line}`);
  const lines = problem === undefined ? [] : `the rules from before are in force: ${problem}`.split("\n");
  for (const line of lines) terminal.line(`  ${harmless(line)}`);
}

function conclude({ ending, drained, allowed, slots, rules }: WorkerStatus): string {
  if (ending) return "nothing new is taken, because it was told to end";
  if (drained) return "nothing new is taken, because it was drained from afar (`rendt worker resume`)";
  if (rules.length === 0) return "its owner has set no rules, nothing holds work back";
  if (allowed === slots) return "no rule holds work back";
  return allowed === 0 ? "no work now" : `${allowed} of ${slots} slots may work now`;
}

function sayUntil(until: number | undefined, now: number): string {
  if (until === undefined) return "";
  const time = new Date(until).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return `; may change in ${formatDuration(Math.max(0, until - now))}, at ${time}`;
}
