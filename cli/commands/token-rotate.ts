import { type Role, role } from "../../contract/account.ts";
import { foldersOf, readProfile, writeProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";
import { profileName } from "../keep-token.ts";
import { addressOf, reach } from "../server.ts";
import { formatDuration } from "../units.ts";

const OVERLAP_MS = 3_600_000;

/** Without an id it is the profile's own token of the role, and the profile keeps the new one. */
export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const own = role.parse(options.role ?? "submitter");
  const { client } = reach(call, words[0] === undefined ? own : "admin");
  const token = words[0] ?? (await client.whoami()).token;
  const overlapMs = options.overlap ?? OVERLAP_MS;
  const made = await client.rotateToken({ token, overlapMs, expiresInMs: options.expires });
  const kept = words[0] === undefined && keep(call, made.role, made.text);
  if (options.json) terminal.json(kept ? { ...made, text: undefined } : made);
  else if (!kept) terminal.line(made.text);
  const where = kept ? ", which the profile keeps" : "; it is shown this once";
  terminal.say(`token ${token} goes on for ${formatDuration(overlapMs)}; after it comes ${made.id}${where}`);
  return 0;
}

/** Only where the old token came from the profile: one of the environment is somebody else's to keep. */
function keep(call: Call, madeFor: Role, text: string): boolean {
  const folders = foldersOf(call.environment);
  const name = profileName(call);
  const saved = readProfile(folders, name);
  if (!saved || saved.tokens[madeFor] === undefined || saved.tokens[madeFor] !== addressOf(call, madeFor).token)
    return false;
  writeProfile(folders, name, { ...saved, tokens: { ...saved.tokens, [madeFor]: text } });
  return true;
}
