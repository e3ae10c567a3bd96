import type * as z from "zod";

/** The names that each table of worker.toml may hold; "" is what stands before the first. */
type Tables = Readonly<Record<string, readonly string[]>>;

/** Mistakes in worker.toml, a line each: where, the value, what is allowed. */
export function tellMistakes(raw: unknown, issues: readonly z.core.$ZodIssue[], tables: Tables): string[] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => tellUnknown(issue.path.join("."), name, tables))
      : [`${issue.path.join(".")}${tellValue(raw, issue)}: ${issue.message}`],
  );
}

/** One file, one or several mistakes: each stands on a line of its own. */
export const tellAll = (path: string, mistakes: readonly string[]): string =>
  mistakes.length === 1
    ? `${path} is wrong: ${mistakes[0]}`
    : [`${path} has ${mistakes.length} mistakes`, ...mistakes].join("\n  - ");

/** A name under the wrong heading is the mistake that TOML makes easy. */
function tellUnknown(table: string, name: string, tables: Tables): string {
  const at = table === "" ? name : `${table}.${name}`;
  const home = Object.keys(tables).find((other) => tables[other]?.includes(name));
  if (home !== undefined)
    return `${at}: it belongs ${home === "" ? "to the top, before all tables" : `into [${home}]`}`;
  const known = tables[table]?.join(", ");
  return `${at}: there is no such setting; ${table === "" ? "at the top" : `in [${table}]`} there may be ${known}`;
}

const MOST_SHOWN = 60;

/** As it was written, which a schema may have turned into something else; lists and tables are too long for it. */
function tellValue(raw: unknown, { code, path, message }: z.core.$ZodIssue): string {
  const written = path.reduce<unknown>((outer, name) => Object(outer)[name], raw);
  if (code === "invalid_key" || typeof written === "object") return "";
  const value = typeof written === "string" ? JSON.stringify(written) : String(written);
  if (typeof written === "string" && message.includes(value)) return "";
  return ` = ${value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value}`;
}

const KINDS: Partial<Record<string, string>> = {
  array: "a list in brackets",
  boolean: "true or false",
  number: "a number",
  object: "a table",
  string: "a text in quotes",
};

/** What is allowed, where a schema has no words for it. */
export function allowed(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") return KINDS[issue.expected];
  if (issue.code === "invalid_value") return `use ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
  if (issue.code === "too_small" && issue.origin === "array") return `${issue.minimum} or more of them`;
  if (issue.code === "too_big" && issue.origin === "array") return `${issue.maximum} of them at most`;
  return undefined;
}
