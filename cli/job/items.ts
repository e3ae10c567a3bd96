import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { messageOf } from "../../contract/errors.ts";
import { asDiskError } from "../../files/disk-error.ts";
import { usage } from "../failure.ts";
import type { Values } from "../options.ts";

const SOURCES = ["array", "each", "each-line", "each-file", "from-json"] as const;

/** The texts that replace `{}`, one task each, from --each, --each-line or --from-json; undefined when none was given. */
export async function readItems(values: Values): Promise<string[] | undefined> {
  const given = SOURCES.filter((name) => values[name] !== undefined);
  if (given.length > 1) throw usage(`${given.map((name) => `--${name}`).join(" and ")} can't go together: choose one`);
  if (values.each) return values.each;
  if (values["each-line"] !== undefined) return linesOf(await readText(values["each-line"]), values["each-line"]);
  if (values["from-json"] !== undefined) return elementsOf(await readText(values["from-json"]), values["from-json"]);
  return undefined;
}

/** A file's text, or standard input for `-`. */
export async function readText(file: string): Promise<string> {
  if (file === "-") return readAll(process.stdin);
  return readFile(file, "utf8").catch((error: unknown) => {
    throw asDiskError(error, "read", file);
  });
}

function linesOf(text: string, file: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0) throw usage(`--each-line ${file}: it holds no line`);
  return lines;
}

function elementsOf(text: string, file: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(`--from-json ${file}: not JSON: ${messageOf(error)}`);
  }
  if (!Array.isArray(value) || value.length === 0)
    throw usage(`--from-json ${file}: use a JSON array of at least one element`);
  return value.map((element) => (typeof element === "string" ? element : JSON.stringify(element)));
}
