import type { Call } from "../command.ts";
import { discover } from "../discover.ts";
import { enrollWith } from "../enroll.ts";
import { usage } from "../failure.ts";

export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  const [given] = words;
  if (options.code === undefined)
    throw usage("--code is missing", "`rendt enroll create` prints one, on a machine with an admin's token");
  if ((given === undefined) === !options.discover) throw usage("give the server's URL, or --discover to look for it");
  const { profile, role, account, url } = await enrollWith(call, {
    url: given ?? (await discover(call, options.code)),
    code: options.code,
    note: options.name,
  });
  terminal.say(`profile ${profile}: ${role} of account ${account} at ${url}`);
  if (role !== "worker") terminal.say("this code was not a worker's: `rendt worker start` needs one that is");
  else terminal.say("next: rendt worker start");
  return 0;
}
