import { outputPages } from "../../../sdk/fetch-outputs.ts";
import type { Call } from "../../command.ts";
import { selectOne } from "../../selector.ts";
import { reach } from "../../server.ts";
import { showStatus } from "../../status.ts";
import { grantedFiles, showGrants } from "../../step/show-grants.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const server = reach(call, "submitter");
  const { id } = await selectOne(server.client, call.words);
  for await (const page of outputPages(server, { id })) {
    if (options.json) {
      terminal.json(page);
      continue;
    }
    for (const { index, result } of page.items) {
      terminal.line(`${id}.${index}  ${showStatus(page.status, terminal)}, exit code ${result.exitCode}`);
      showGrants(grantedFiles(result.outputs, page.grants), server, terminal);
    }
  }
  return 0;
}
