import { MOST_AHEAD } from "../../contract/limits.ts";
import type { AnswerOf } from "../../contract/operations.ts";
import type { Call } from "../command.ts";
import { selectJobs } from "../selector.ts";
import { reach } from "../server.ts";
import { showStatus, showTasks } from "../status.ts";
import { formatTable, harmless } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { formatAgo } from "../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  const [id = ""] = await selectJobs(client, words);
  const answer = await client.explain({ id });
  if (options.json) terminal.json(answer);
  else tell(answer, terminal);
  return 0;
}

function tell({ job, reasons, ahead, workers }: AnswerOf<"explain">, terminal: Terminal): void {
  terminal.line([job.id, showStatus(job.status, terminal), showTasks(job)].filter((text) => text !== "").join("  "));
  for (const reason of reasons) terminal.line(`  ${harmless(reason)}`);
  if (ahead !== undefined) terminal.line(`  ${showPlace(ahead)}`);
  if (workers.length === 0) return;
  const rows = workers.map(({ name, id: worker, lastSeenAt, sandbox, fits, reasons: why }) => [
    harmless(name),
    worker,
    formatAgo(lastSeenAt, Date.now()),
    sandbox ?? "",
    fits ? "fits" : "does not fit",
    harmless(why.join("; ")),
  ]);
  for (const line of formatTable([["WORKER", "ID", "SEEN", "SANDBOX", "FITS", "WHY"], ...rows])) terminal.line(line);
}

function showPlace(ahead: number): string {
  if (ahead === 0) return "next in its queue";
  if (ahead >= MOST_AHEAD) return `behind ${MOST_AHEAD} jobs or more in its queue`;
  return `behind ${ahead} ${ahead === 1 ? "job" : "jobs"} in its queue`;
}
