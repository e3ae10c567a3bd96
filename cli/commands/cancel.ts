import { showOutcome, tellAnswers } from "../answers.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { batches, hasEnded, listJobs } from "../jobs.ts";
import { selectJobs } from "../selector.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  if (words.length === 0 && options.name === undefined) throw usage("name the jobs to cancel, or use --name GLOB");
  const { client } = reach(call, "submitter");
  const ids = new Set(await selectJobs(client, words));
  if (options.name !== undefined) {
    const named = await listJobs(client, { name: options.name, limit: Number.POSITIVE_INFINITY });
    for (const job of named) if (!hasEnded(job)) ids.add(job.id);
    if (ids.size === 0) terminal.say(`no job whose name matches ${JSON.stringify(options.name)} is still open`);
  }
  const items = [];
  for (const batch of batches([...ids])) items.push(...(await client.cancel({ ids: batch })).items);
  return tellAnswers(items, call, (job) => showOutcome(job, terminal));
}
