import { basename } from "node:path";
import { JOB_OPTIONS, type OptionName, type Values } from "../options.ts";
import { parseArguments } from "../parse.ts";
import { splitWords } from "./shell-words.ts";

const SCRIPT_OPTIONS: readonly OptionName[] = JOB_OPTIONS.filter((name) => name !== "script");

/** What a script says about itself: the program that runs it, and the options of its `#RENDT` lines. */
export type Script = { interpreter: string[]; values: Values; mistakes: string[] };

/**
 * Reads the first line as execve(2) does: an interpreter and at most one argument; `sh` without one. `#RENDT` lines count up to the
 * first line that is neither empty nor a comment.
 */
export function readScript(file: string, text: string): Script {
  const lines = text.split("\n");
  const shebang = /^#!\s*(\S+)(?:\s+(.*\S))?\s*$/.exec(lines[0] ?? "");
  const interpreter = shebang ? [shebang[1] ?? "", ...(shebang[2] ? [shebang[2]] : [])] : ["sh"];
  const words: string[] = [];
  const mistakes: string[] = [];
  for (const [at, line] of lines.entries()) {
    if (!/^\s*(#|$)/.test(line)) break;
    const option = /^#RENDT\s+(.*)$/.exec(line.trimEnd());
    if (!option) continue;
    const split = splitWords(option[1] ?? "");
    if (split) words.push(...split);
    else mistakes.push(`${basename(file)} line ${at + 1}: a quote is never closed`);
  }
  const parsed = parseArguments(words, SCRIPT_OPTIONS);
  mistakes.push(...parsed.mistakes.map((mistake) => `#RENDT in ${basename(file)}: ${mistake}`));
  const stray = [...parsed.words, ...(parsed.command ?? [])];
  if (stray.length > 0) mistakes.push(`#RENDT in ${basename(file)}: ${JSON.stringify(stray.join(" "))} is no option`);
  return { interpreter, values: parsed.values, mistakes };
}
