import { type JobStatus, type JobView, jobStatus, STATUS_CODES } from "../../contract/job.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { listJobs } from "../jobs.ts";
import { reach } from "../server.ts";
import { showCommand, showStatus, showTasks } from "../status.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { formatAgo, formatDuration } from "../units.ts";
import { watch } from "../watch.ts";

const LIMIT = 20;
const COMMAND_WIDTH = 60;

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const patience = options.watch ? "patient" : "brief";
  const { client } = reach(call, options["all-accounts"] ? "admin" : "submitter", patience);
  const wanted = {
    status: options.status === undefined ? undefined : readStatus(options.status),
    all: options["all-accounts"],
    limit: options["at-most"] ?? LIMIT,
    name: options.name,
  };
  const linesOf = (jobs: readonly JobView[]) => {
    if (options.json) return [terminal.jsonText({ items: jobs })];
    return options.quiet ? jobs.map(({ id }) => id) : jobTable(jobs, terminal, options["all-accounts"] === true);
  };
  if (!options.watch) {
    for (const line of linesOf(await listJobs(client, wanted))) terminal.line(line);
    return 0;
  }
  return watch(terminal, {
    plain: options.json || options.quiet,
    async look(signal) {
      const jobs = await listJobs(client, wanted, signal);
      return { lines: linesOf(jobs), state: jobs.map(({ id, version }) => `${id} ${version}`).join() };
    },
  });
}

/** A status by either of its names: `finished` or `f`. */
function readStatus(text: string): JobStatus {
  const named = jobStatus.options.find((status) => status === text || STATUS_CODES[status] === text);
  if (named) return named;
  const all = jobStatus.options.map((status) => `${status} (${STATUS_CODES[status]})`);
  throw usage(`--status ${JSON.stringify(text)}: use one of ${all.join(", ")}`);
}

function jobTable(jobs: readonly JobView[], terminal: Terminal, owners: boolean): string[] {
  const now = Date.now();
  const rows = jobs.map((job) => [
    job.id,
    ...(owners ? [job.owner] : []),
    showStatus(job.status, terminal),
    harmless(job.name ?? ""),
    formatAgo(job.createdAt, now),
    job.startedAt === undefined ? "" : formatDuration((job.endedAt ?? now) - job.startedAt),
    showTasks(job),
    cut(harmless(showCommand(job.command))),
  ]);
  return formatTable([
    ["ID", ...(owners ? ["OWNER"] : []), "STATUS", "NAME", "CREATED", "TIME", "TASKS", "COMMAND"],
    ...rows,
  ]);
}

const cut = (text: string): string => (text.length > COMMAND_WIDTH ? `${text.slice(0, COMMAND_WIDTH - 1)}…` : text);
