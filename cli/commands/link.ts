import { DEFAULT_LINK_MS } from "../../contract/limits.ts";
import type { Call } from "../command.ts";
import { writeLink } from "../link.ts";
import { seenFromAfar } from "../seen-from-afar.ts";
import { selectJobs } from "../selector.ts";
import { addressOf, reach } from "../server.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const { client } = reach(call, "submitter");
  const address = addressOf(call, "submitter");
  const url = await seenFromAfar(address);
  const revoke = options.revoke === true;
  const forMs = options.for ?? (revoke ? undefined : DEFAULT_LINK_MS);
  for (const id of await selectJobs(client, words)) {
    const made = await client.link({ id, forMs, revoke });
    if (revoke) terminal.say(`${id}: all earlier links are taken back`);
    if (made.link === undefined || made.expiresAt === undefined) continue;
    const link = writeLink(url, made.link, address.pin?.fingerprint);
    if (options.json) terminal.json({ id, link, expiresAt: made.expiresAt });
    else terminal.line(link);
    terminal.say(
      `${id}: whoever has this reads the job, its logs and outputs until ${new Date(made.expiresAt).toISOString().slice(0, 16)}Z`,
    );
  }
  return 0;
}
