import type { AskedLimits } from "./job/limits.ts";
import { nearest } from "./nearest.ts";
import { readOptionValue } from "./option-value.ts";
import { OPTIONS, type OptionName, type OptionTypes, optionOf, type Values, wordOf } from "./options.ts";

export type Parsed = {
  /** Words before `--` that are no options. */
  words: string[];
  /** What stands after `--`; undefined without one. */
  command: string[] | undefined;
  values: Values;
  mistakes: string[];
};

/** Options that every command understands, also in front of its name. */
export const EVERYWHERE: readonly OptionName[] = ["help", "url", "token-file", "profile"];

const byShort = new Map(
  (Object.keys(OPTIONS) as OptionName[]).flatMap((name) => {
    const { short } = optionOf(name);
    return short ? [[short, name] as const] : [];
  }),
);

/** Reads a command line: options anywhere before `--`, everything after it untouched. All mistakes are gathered, none thrown. */
export function parseArguments(args: readonly string[], allowed: readonly OptionName[]): Parsed {
  const parsed: Parsed = { words: [], command: undefined, values: {}, mistakes: [] };
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      parsed.command = queue.splice(0);
    } else if (word.startsWith("--")) {
      const cut = word.indexOf("=");
      const typed = cut < 0 ? word : word.slice(0, cut);
      const name = allowed.find((each) => wordOf(each) === typed.slice(2));
      take({ parsed, allowed, queue, typed, name, inline: cut < 0 ? undefined : word.slice(cut + 1) });
    } else if (word.startsWith("-") && word !== "-" && !/^-\d/.test(word)) {
      takeShort({ parsed, allowed, queue, word });
    } else {
      parsed.words.push(word);
    }
  }
  return parsed;
}

type Taking = { parsed: Parsed; allowed: readonly OptionName[]; queue: string[] };

/** `-q`, `-fq`, `-i a`, `-ia`: letters are flags until one takes a value, which is the rest or the next word. */
function takeShort({ word, ...taking }: Taking & { word: string }): void {
  for (let at = 1; at < word.length; at++) {
    const typed = `-${word[at]}`;
    const name = byShort.get(word[at] ?? "");
    const rest = word.slice(at + 1);
    if (name === undefined || optionOf(name).kind === "flag") {
      take({ ...taking, typed, name, inline: undefined });
      if (name === undefined) return;
    } else {
      take({ ...taking, typed, name, inline: rest === "" ? undefined : rest.replace(/^=/, "") });
      return;
    }
  }
}

function take(taking: Taking & { typed: string; name: OptionName | undefined; inline: string | undefined }): void {
  const { parsed, allowed, queue, typed, name } = taking;
  if (name === undefined || !allowed.includes(name)) {
    parsed.mistakes.push(unknownOption(typed, name, allowed));
    return;
  }
  if (optionOf(name).kind === "flag") {
    if (taking.inline === undefined) setOption(parsed.values, name, true);
    else parsed.mistakes.push(`${typed} takes no value, but got ${JSON.stringify(taking.inline)}`);
    return;
  }
  const text = taking.inline ?? (queue[0] === "--" ? undefined : queue.shift());
  if (text === undefined) {
    parsed.mistakes.push(`${typed} needs a value: ${optionOf(name).value}`);
    return;
  }
  const mistake = addOption(parsed.values, name, text);
  if (mistake !== undefined) parsed.mistakes.push(mistake);
}

function unknownOption(typed: string, name: OptionName | undefined, allowed: readonly OptionName[]): string {
  const meant = name ?? (typed.startsWith("--") ? typed.slice(2) : undefined);
  const near = meant && nearest(meant, allowed.map(wordOf));
  return `unknown option ${typed}${near ? `; did you mean --${near}?` : ""}`;
}

/** Reads what one place (a command line, a job file) says of an option; answers the mistake, if it is one. */
export function addOption(values: Values, name: OptionName, text: string): string | undefined {
  const read = readOptionValue(name, text);
  if ("mistake" in read) return read.mistake;
  if (name === "limit" && Object.keys(read.value).some((limit) => Object.hasOwn(values.limit ?? {}, limit)))
    return `--limit ${JSON.stringify(text)}: it was given before`;
  setOption(values, name, read.value);
  return undefined;
}

/** Repeatable options add up; of all others, and of the same limit, the last one counts. */
export function setOption(values: Values, name: OptionName, value: Values[OptionName]): void {
  Object.assign(values, { [name]: together(optionOf(name).kind, values[name], value) });
}

function together(kind: keyof OptionTypes, before: Values[OptionName], value: Values[OptionName]): Values[OptionName] {
  if (before === undefined) return value;
  if (kind === "texts") return [...(before as string[]), ...(value as string[])];
  if (kind === "limits") return { ...(before as AskedLimits), ...(value as AskedLimits) };
  return value;
}
