import { checkServerUrl } from "../../contract/client.ts";
import { resolveAddress } from "../../sdk/address.ts";
import { openServer } from "../../sdk/open-server.ts";
import type { Call } from "../command.ts";
import { enrollWith } from "../enroll.ts";
import { usage } from "../failure.ts";
import { assertPrivate, keepTokens } from "../keep-token.ts";
import { askSecret } from "../secret.ts";

export async function run(call: Call): Promise<number> {
  const { words, options } = call;
  const [url] = words;
  if ((url === undefined) === (options.stack === undefined)) throw usage("give the server's URL, or --stack NAME");
  if (options.stack !== undefined) return byStack(call, options.stack);
  if (options.code !== undefined) return byCode(call, { url: url ?? "", code: options.code });
  return byToken(call, checkServerUrl(url ?? ""));
}

async function byToken(call: Call, url: string): Promise<number> {
  const { options, environment, terminal } = call;
  assertPrivate(url, options);
  // A saved token must not answer for the new one: only what was given now counts.
  const given = resolveAddress({ url, tokenFile: options["token-file"] }, { roles: [], environment });
  const token = given.token ?? (await askSecret(`token for ${url}: `, terminal));
  if (token === "") throw usage("no token was given", "use --token-file FILE, or paste it when asked");

  const server = openServer({ ...given, token });
  const who = await server.client.whoami();
  server.close();
  const profile = keepTokens(call, { url, tokens: { [who.role]: token } });
  terminal.say(`profile ${profile}: ${who.role} of account ${who.account} at ${url}`);
  return 0;
}

async function byCode(call: Call, given: { url: string; code: string }): Promise<number> {
  const { profile, role, account, url } = await enrollWith(call, given);
  call.terminal.say(`profile ${profile}: ${role} of account ${account} at ${url}`);
  return 0;
}

/** Loaded when asked for: few people deploy. */
async function byStack(call: Call, stack: string): Promise<number> {
  const { askFirstAdmin } = await import("../stack/first-admin.ts");
  const { url, account, tokens } = await askFirstAdmin(
    { stack, another: call.options.another === true },
    call.environment,
  );
  const profile = keepTokens(call, { url, tokens });
  call.terminal.say(`profile ${profile}: ${Object.keys(tokens).join(", ")} of account ${account} at ${url}`);
  return 0;
}
