import { ENDED, type JobView } from "../../contract/job.ts";
import type { AnswerOf } from "../../contract/operations.ts";
import type { TaskResult } from "../../contract/result.ts";
import { outputPages } from "../../sdk/fetch-outputs.ts";
import type { Call } from "../command.ts";
import { reachByLink } from "../link.ts";
import { type Selection, selectOne, tasksOf } from "../selector.ts";
import type { Server } from "../server.ts";
import { showCommand, showStatus, showTasks } from "../status.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { countFiles, formatAgo, formatDuration, formatSize } from "../units.ts";
import { watch } from "../watch.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { server, words } = reachByLink(call, options.watch ? "patient" : "brief");
  const selection = await selectOne(server.client, words);
  const look = async (signal?: AbortSignal) => {
    const answer = await server.client.show({ id: selection.id }, { signal });
    const lines = options.json ? [terminal.jsonText(answer)] : await describe(server, { answer, selection, terminal });
    return { lines, state: String(answer.job.version), over: ENDED.has(answer.job.status) };
  };
  if (options.watch) return watch(terminal, { look, plain: options.json });
  for (const line of (await look()).lines) terminal.line(line);
  return 0;
}

type Description = { answer: Shown; selection: Selection; terminal: Terminal };

async function describe(server: Server, { answer, selection, terminal }: Description): Promise<string[]> {
  const result = answer.job.count === 1 ? await resultOf(server, answer.job) : undefined;
  const results = selection.from === undefined ? [] : ["", ...(await showResults(server, selection))];
  return [...formatTable(facts(answer, result, terminal)), ...results, ...showHistory(answer.history)];
}

type Shown = AnswerOf<"show">;

/** The view tells how it ended, the operation `outputs` what it returned and printed. */
async function resultOf(server: Server, { id, status, result }: JobView): Promise<TaskResult | undefined> {
  if (!ENDED.has(status) || !result) return result;
  for await (const { items } of outputPages(server, { id })) return items[0]?.result ?? result;
  return result;
}

function facts({ job, spec }: Shown, result: TaskResult | undefined, terminal: Terminal): string[][] {
  const now = Date.now();
  const rows: [string, string | undefined][] = [
    ["Job", job.id],
    ["Name", job.name && harmless(job.name)],
    ["Status", showStatus(job.status, terminal)],
    ["Reason", job.reason && harmless(job.reason)],
    ["Command", harmless(showCommand(spec.command))],
    ["Tasks", showTasks(job)],
    ["Created", formatAgo(job.createdAt, now)],
    ["Started", job.startedAt === undefined ? undefined : formatAgo(job.startedAt, now)],
    ["Ended", ended(job, now)],
    ["Running", job.running.map((lease) => showLease(lease, job.count)).join(", ")],
    ["Tries", job.round > 0 ? `round ${job.round + 1}` : undefined],
    ...(result ? resultFacts(result) : []),
  ];
  return rows.flatMap(([name, value]) => (value ? [[name, value]] : []));
}

function ended({ startedAt, endedAt }: JobView, now: number): string | undefined {
  if (endedAt === undefined) return undefined;
  const took = startedAt === undefined ? "" : ` (took ${formatDuration(endedAt - startedAt)})`;
  return formatAgo(endedAt, now) + took;
}

function showLease(lease: JobView["running"][number], count: number): string {
  const { worker, from, upTo, phase, paused, try: number } = lease;
  const tasks = count === 1 ? "" : upTo - from === 1 ? `task ${from} ` : `tasks ${from}-${upTo - 1} `;
  return `${tasks}${paused ? "paused by the machine's owner" : phase} on ${worker}${number > 1 ? `, try ${number}` : ""}`;
}

function resultFacts(result: TaskResult): [string, string | undefined][] {
  return [
    ["Exit code", `${result.exitCode}${result.outcome === "exited" ? "" : ` (${result.outcome.replace("_", " ")})`}`],
    ["Signal", result.signal],
    ["Why", result.reason && harmless(result.reason)],
    ["Ran for", formatDuration(result.durationMs)],
    ["Used", describeUsage(result)],
    ["Outputs", describeOutputs(result)],
    ["Printed", result.log && `${formatSize(result.log.stdoutBytes)} out, ${formatSize(result.log.stderrBytes)} err`],
  ];
}

function describeUsage({ usage = {} }: TaskResult): string | undefined {
  const { cpuMs, maxRssBytes, diskBytes, inputBytes } = usage;
  const told = [
    cpuMs !== undefined && `${formatDuration(cpuMs)} processor`,
    maxRssBytes !== undefined && `${formatSize(maxRssBytes)} memory`,
    diskBytes !== undefined && `${formatSize(diskBytes)} disk`,
    inputBytes !== undefined && `${formatSize(inputBytes)} in`,
  ];
  return told.filter((text) => text !== false).join(", ") || undefined;
}

function describeOutputs({ outputs, usage }: TaskResult): string | undefined {
  if (!outputs) return undefined;
  if ("stored" in outputs)
    return usage?.outputBytes === undefined ? "many files" : `many files, ${formatSize(usage.outputBytes)}`;
  const files = outputs.manifest.entries.filter((entry) => entry.kind === "file");
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `${countFiles(files.length)}, ${formatSize(bytes)}`;
}

async function showResults(server: Server, selection: Selection): Promise<string[]> {
  const rows: string[][] = [["TASK", "OUTCOME", "CODE", "TIME", "OUTPUTS", "WHY"]];
  for await (const { items } of outputPages(server, tasksOf(selection))) {
    for (const { index, result } of items) {
      const { outcome, exitCode, durationMs, reason = "" } = result;
      const told = [formatDuration(durationMs), describeOutputs(result) ?? "", harmless(reason)];
      rows.push([`${index}`, outcome, `${exitCode}`, ...told]);
    }
  }
  return formatTable(rows);
}

function showHistory(history: Shown["history"]): string[] {
  if (history.length === 0) return [];
  const rows = history.map(({ at, what, worker, detail }) => [
    new Date(at).toISOString().slice(11, 19),
    what,
    worker ?? "",
    harmless(detail ?? ""),
  ]);
  return ["", "History (UTC)", ...formatTable(rows).map((line) => `  ${line}`)];
}
