import type { Call } from "../command.ts";
import { hasEnded } from "../jobs.ts";
import { notify } from "../notify.ts";
import { selectJobs } from "../selector.ts";
import { reach } from "../server.ts";
import { showStatus, showTasks } from "../status.ts";
import { harmless } from "../table.ts";
import { exitOfJobs, waitForJobs } from "../wait-for.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  const ids = await selectJobs(client, words);
  const jobs = await waitForJobs(client, { ids, timeoutMs: options.timeout, any: options.any });
  const ended = jobs.filter(hasEnded);
  if (options.json) terminal.json({ items: jobs });
  else if (!options.quiet)
    for (const job of ended) {
      const told = [job.id, showStatus(job.status, terminal), showTasks(job), harmless(job.reason ?? "")];
      terminal.line(told.filter((text) => text !== "").join("  "));
    }
  await notify(call, ended);
  return exitOfJobs(ended);
}
