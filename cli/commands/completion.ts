import type { Call } from "../command.ts";
import { completionScript, SHELLS } from "../completion.ts";
import { usage } from "../failure.ts";

export function run({ words, commands, terminal }: Call): number {
  const shell = SHELLS.find((name) => name === words[0]);
  if (!shell) throw usage(`no completion for ${JSON.stringify(words[0])}: there is ${SHELLS.join(", ")}`);
  terminal.line(completionScript(shell, commands).trimEnd());
  return 0;
}
