import { foldersOf, useProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";

export function run({ words, environment, terminal }: Call): number {
  const [name = ""] = words;
  useProfile(foldersOf(environment), name);
  terminal.say(`profile ${name} is used from now on`);
  return 0;
}
