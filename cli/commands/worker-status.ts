import type { WorkerStatus } from "../../worker/status.ts";
import type { Call } from "../command.ts";
import { askWorkers } from "../running-workers.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { formatAgo, formatDuration, formatSize } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const workers = await askWorkers(call);
  if (options.json) terminal.json({ items: workers });
  else for (const worker of workers) tell(worker, terminal);
  return 0;
}

function tell(worker: WorkerStatus, terminal: Terminal): void {
  const { id, name, server, pid, since, slots, tasks, delivering, trafficTodayBytes, problem } = worker;
  const now = Date.now();
  const facts = [
    ["Worker", `${id} ${harmless(name)}, process ${pid}, started ${formatAgo(since, now)}`],
    ["Server", server],
    ["State", describe(worker)],
    ["Slots", `${tasks.length} of ${slots} in use`],
    ["Today", `${formatSize(trafficTodayBytes)} sent and received`],
    ...(delivering > 0 ? [["On the way", `results of ${delivering} leases`]] : []),
    ...(problem?.split("\n") ?? []).map((line, at) => [at === 0 ? "Problem" : "", harmless(line)]),
  ];
  for (const line of formatTable(facts)) terminal.line(line);
  const rows = tasks.map((task) => [
    String(task.slot),
    task.index === undefined ? task.job : `${task.job}.${task.index}`,
    harmless(task.owner ?? ""),
    formatAgo(task.since, now),
    task.pausedSince === undefined ? "runs" : `stands still (${formatAgo(task.pausedSince, now)})`,
    task.cpuMs === undefined ? "" : formatDuration(task.cpuMs),
    task.memoryBytes === undefined ? "" : formatSize(task.memoryBytes),
    task.processes === undefined ? "" : String(task.processes),
    harmless(task.name ?? ""),
  ]);
  const head = ["SLOT", "TASK", "FOR", "SINCE", "STATE", "CPU", "MEMORY", "PROCESSES", "NAME"];
  if (rows.length > 0) for (const line of formatTable([head, ...rows])) terminal.line(`  ${line}`);
}

/** What a worker is about, in a few words; `rendt worker why` has the rules. */
function describe({ ending, drained, allowed, slots, rules, tasks }: WorkerStatus): string {
  const held = rules.filter(({ holds }) => holds).map(({ code }) => code);
  if (ending) return "ending: nothing new is taken";
  if (drained) return "drained from afar: nothing new is taken until `rendt worker resume`";
  if (allowed === 0) return `rests: ${held.join(", ")} (\`rendt worker why\`)`;
  const limited = allowed < slots ? `, ${allowed} of ${slots} slots may work: ${held.join(", ")}` : "";
  return `${tasks.length > 0 ? "works" : "waits for work"}${limited}`;
}
