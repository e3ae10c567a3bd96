import { currentProfile, foldersOf, listProfiles, readProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";
import { formatTable } from "../table.ts";

export function run({ options, environment, terminal }: Call): number {
  const folders = foldersOf(environment);
  const current = environment["RENDT_PROFILE"] || currentProfile(folders);
  const profiles = listProfiles(folders).map((name) => {
    const saved = readProfile(folders, name);
    return { name, url: saved?.url ?? "", roles: Object.keys(saved?.tokens ?? {}), current: name === current };
  });
  if (options.json) terminal.json({ items: profiles });
  else if (options.quiet) for (const { name } of profiles) terminal.line(name);
  else {
    if (profiles.length === 0) terminal.say("no profile is saved; `rendt up` or `rendt login URL` makes one");
    const rows = profiles.map(({ name, url, roles, current: used }) => [used ? "*" : " ", name, url, roles.join(", ")]);
    for (const line of formatTable(rows)) terminal.line(line);
  }
  return 0;
}
