import type { Call } from "../command.ts";
import { findCommand } from "../find-command.ts";
import { commandHelp, overview } from "../help.ts";

export function run({ words, commands, terminal }: Call): number {
  const found = words.length === 0 ? { overview: overview(commands) } : findCommand(words, commands);
  terminal.line("overview" in found ? found.overview : commandHelp(found.command));
  return 0;
}
