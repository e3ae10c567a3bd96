import type { Call } from "../command.ts";
import { reach } from "../server.ts";
import { selectWorkers } from "../worker-selector.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  for (const id of await selectWorkers(client, words)) {
    const removed = await client.removeWorker({ id });
    if (options.json) terminal.jsonLine(removed);
    else terminal.line(options.quiet ? id : `${id}  removed`);
  }
  return 0;
}
