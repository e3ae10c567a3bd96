import { foldersOf, noSuchProfile, removeProfile } from "../../sdk/profile.ts";
import type { Call } from "../command.ts";

export function run({ words, environment, terminal }: Call): number {
  const [name = ""] = words;
  const folders = foldersOf(environment);
  if (!removeProfile(folders, name)) throw noSuchProfile(folders, name);
  terminal.say(`profile ${name} and its tokens are forgotten here`);
  return 0;
}
