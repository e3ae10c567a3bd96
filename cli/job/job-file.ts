import { parse, TomlError } from "smol-toml";
import { nearest } from "../nearest.ts";
import { isOptionName, JOB_OPTIONS, type OptionName, optionOf, type Values } from "../options.ts";
import { addOption, setOption } from "../parse.ts";

const WORDS: readonly string[] = ["command", ...JOB_OPTIONS];
/** Words of the form NAME=VALUE, which may be tables. */
const TABLES: readonly OptionName[] = ["env", "secret", "limit"];

export type JobFile = { command: string[] | undefined; values: Values; mistakes: string[] };

/**
 * Reads a job file: TOML with `command` and the words of the options. Repeatable options take an array or one value, `env`, `secret` and `limit` also a table;
 * numbers and times may be written as TOML has them. All mistakes are gathered.
 *
 * @example
 * command = ["python3", "analyse.py", "data.csv"]
 * input = ["analyse.py", "data.csv"]
 * output = "out/*"
 * timeout = "10m"
 */
export function readJobFile(text: string): JobFile {
  const read: JobFile = { command: undefined, values: {}, mistakes: [] };
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    return { ...read, mistakes: [`line ${error.line}, column ${error.column}: ${reason}`] };
  }
  for (const [word, value] of Object.entries(table)) {
    if (word === "command") readCommand(value, read);
    else if (isOptionName(word) && WORDS.includes(word)) readWord(word, value, read);
    else read.mistakes.push(unknownWord(word));
  }
  return read;
}

function readCommand(value: unknown, read: JobFile): void {
  if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string")) read.command = value;
  else read.mistakes.push('command: use an array of texts, such as ["python3", "a.py"]');
}

function readWord(name: OptionName, value: unknown, read: JobFile): void {
  const { kind } = optionOf(name);
  if (kind === "flag") {
    if (typeof value !== "boolean") read.mistakes.push(`${name}: use true or false`);
    else if (value) setOption(read.values, name, true);
    return;
  }
  const texts = textsOf(name, value);
  const many = kind === "texts" || kind === "codes" || kind === "limits";
  if (texts === undefined || (texts.length !== 1 && !many)) {
    read.mistakes.push(
      `${name}: ${JSON.stringify(value)} is not ${many ? "a text or an array of texts" : "one value"}`,
    );
    return;
  }
  for (const text of kind === "codes" ? [texts.join(",")] : texts) {
    const mistake = addOption(read.values, name, text);
    if (mistake !== undefined) read.mistakes.push(mistake.replace(/^--/, ""));
  }
}

function textsOf(name: OptionName, value: unknown): string[] | undefined {
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") return [String(value)];
  if (Array.isArray(value)) {
    const texts = value.map((item) => textsOf(name, item));
    return texts.every((inner) => inner?.length === 1) ? texts.flatMap((inner) => inner ?? []) : undefined;
  }
  if (!TABLES.includes(name) || typeof value !== "object" || value === null) return undefined;
  const pairs = Object.entries(value);
  const plain = pairs.every(([, item]) => ["string", "number", "bigint", "boolean"].includes(typeof item));
  return plain ? pairs.map(([key, item]) => `${key}=${item}`) : undefined;
}

function unknownWord(word: string): string {
  const near = nearest(word, WORDS);
  return `unknown word ${JSON.stringify(word)}${near ? `; did you mean ${near}?` : ""}`;
}
