import { stateOf } from "../../contract/worker-state.ts";
import type { Call } from "../command.ts";
import { reach } from "../server.ts";
import { selectWorkers } from "../worker-selector.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  for (const id of await selectWorkers(client, words)) {
    const worker = await client.resumeWorker({ id });
    if (options.json) terminal.jsonLine(worker);
    else terminal.line(options.quiet ? id : `${id}  ${stateOf(worker, Date.now())}`);
  }
  return 0;
}
