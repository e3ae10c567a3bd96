import type { Call } from "../../command.ts";
import { fetchInto } from "../../fetch.ts";
import { getJobs } from "../../jobs.ts";
import { selectOne } from "../../selector.ts";
import { reach } from "../../server.ts";
import { countFiles, formatSize } from "../../units.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const server = reach(call, "submitter");
  const { id } = await selectOne(server.client, call.words);
  const [job] = await getJobs(server.client, [id]);
  const into = options.to ?? ".";
  const apart = (job?.count ?? 1) > 1;
  const placed = await fetchInto(server, { id }, { into, apart, force: options.force, call });
  if (options.json) terminal.json({ id, folder: into, ...placed });
  else terminal.line(`${id}  ${countFiles(placed.files)}, ${formatSize(placed.bytes)} in ${into}`);
  return 0;
}
