import { tellAnswers } from "../answers.ts";
import type { Call } from "../command.ts";
import { batches } from "../jobs.ts";
import { selectJobs } from "../selector.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { client } = reach(call, "submitter");
  const items = [];
  for (const batch of batches(await selectJobs(client, call.words)))
    items.push(...(await client.rm({ ids: batch })).items);
  return tellAnswers(items, call, ({ id }) => `${id}  removed`);
}
