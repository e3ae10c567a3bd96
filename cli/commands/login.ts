import type { Role } from "../../contract/account.ts";
import { checkServerUrl } from "../../contract/client.ts";
import { resolveAddress } from "../../sdk/address.ts";
import { openServer } from "../../sdk/open-server.ts";
import { currentProfile, foldersOf, readProfile, useProfile, writeProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";
import { usage } from "../failure.ts";
import { askSecret } from "../secret.ts";

export async function run(call: Call): Promise<number> {
  const { words, options, environment, terminal } = call;
  const url = checkServerUrl(words[0] ?? "");
  const folders = foldersOf(environment);
  const name = options.profile ?? (environment["RENDT_PROFILE"] || currentProfile(folders));
  const saved = readProfile(folders, name);

  // A saved token must not answer for the new one: only what was given now counts.
  const given = resolveAddress({ url, tokenFile: options["token-file"] }, { roles: [], environment });
  const token = given.token ?? (await askSecret(`token for ${url}: `, terminal));
  if (token === "") throw usage("no token was given", "use --token-file FILE, or paste it when asked");

  const server = openServer({ ...given, token });
  const who = await server.client.whoami();
  server.close();
  const same = saved?.url === url ? saved : undefined;
  if (saved && !same) terminal.say(`profile ${name} was for ${saved.url}; its tokens are forgotten`);
  const tokens: Partial<Record<Role, string>> = { ...same?.tokens, [who.role]: token };
  writeProfile(folders, name, { ...same, url, tokens });
  useProfile(folders, name);
  terminal.say(`profile ${name}: ${who.role} of account ${who.account} at ${url}`);
  return 0;
}
