import { role } from "../../contract/account.ts";
import { readScopes } from "../access.ts";
import type { Call } from "../command.ts";
import { writeCode } from "../enroll.ts";
import { publisherKey } from "../publisher.ts";
import { seenFromAfar } from "../seen-from-afar.ts";
import { addressOf, reach } from "../server.ts";
import { formatDuration } from "../units.ts";

/** The code alone goes to standard output. */
export async function run(call: Call): Promise<number> {
  const { options, terminal } = call;
  const scopes = readScopes(options.scope);
  const { client } = reach(call, "admin");
  const address = addressOf(call, "admin");
  const kind = role.parse(options.role ?? "worker");
  const made = await client.createCode({
    account: options.account ?? (await client.whoami()).account,
    role: kind,
    note: options.note,
    scopes,
    uses: options.uses,
    forMs: options.for,
    tokenMs: options.expires,
  });
  const publisher = kind === "worker" ? publisherKey(call) : undefined;
  const code = writeCode(made.code, { fingerprint: address.pin?.fingerprint, publisher });
  if (options.json) terminal.json({ ...made, code });
  else terminal.line(code);
  const verb = kind === "worker" ? "rendt worker join" : "rendt login";
  const times = made.uses === 1 ? "once" : `${made.uses} times`;
  terminal.say(`good ${times} within ${formatDuration(made.expiresAt - Date.now())}. On the other machine:`);
  terminal.say(`  ${verb} ${await seenFromAfar(address)} --code ${code}`);
  return 0;
}
