import type { Call } from "../../command.ts";
import { reach } from "../../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const { client } = reach(call, "worker");
  const answer = await client.available({ limit: options["at-most"] });
  if (options.json) terminal.json(answer);
  else for (const { id, count } of answer.items) terminal.line(count === 1 ? id : `${id}  ${count} tasks`);
  if (answer.items.length === 0 && !options.json) terminal.say("no job is available");
  return 0;
}
