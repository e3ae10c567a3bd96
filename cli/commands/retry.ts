import { showOutcome, tellAnswers } from "../answers.ts";
import type { Call } from "../command.ts";
import { batches, getJobs } from "../jobs.ts";
import { selectJobs } from "../selector.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  let ids = await selectJobs(client, words);
  if (options.failed) {
    const jobs = await getJobs(client, ids);
    ids = jobs.filter(({ status }) => status === "failed").map(({ id }) => id);
    if (ids.length === 0) terminal.say("none of these jobs failed: nothing to retry");
  }
  const items = [];
  for (const batch of batches(ids)) items.push(...(await client.retry({ ids: batch })).items);
  for (const { id, status } of items) if (status === "finished") terminal.say(`${id} has succeeded: nothing to retry`);
  return tellAnswers(items, call, (job) => showOutcome(job, terminal));
}
