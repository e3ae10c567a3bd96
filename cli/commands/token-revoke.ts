import type { Call } from "../command.ts";
import { reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "admin");
  for (const token of words) {
    const revoked = await client.revokeToken({ token });
    if (options.json) terminal.jsonLine(revoked);
    else terminal.line(options.quiet ? token : `${token}  revoked`);
  }
  return 0;
}
