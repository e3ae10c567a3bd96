import { role } from "../../contract/account.ts";
import { readScopes } from "../access.ts";
import type { Call } from "../command.ts";
import { reach } from "../server.ts";

/** The token alone goes to standard output, so that it can be sent into a file of mode 0600. */
export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const scopes = readScopes(options.scope);
  const { client } = reach(call, "admin");
  const made = await client.createToken({
    account: options.account ?? (await client.whoami()).account,
    role: role.parse(options.role ?? "submitter"),
    note: options.note,
    scopes,
    expiresInMs: options.expires,
  });
  if (options.json) terminal.json(made);
  else terminal.line(made.text);
  const until =
    made.expiresAt === undefined ? "for ever" : `until ${new Date(made.expiresAt).toISOString().slice(0, 10)}`;
  terminal.say(`token ${made.id}: ${made.role} of account ${made.account}, good ${until}; it is shown this once`);
  return 0;
}
