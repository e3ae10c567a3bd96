import { type Command, ENVIRONMENT, GROUPS } from "./command.ts";
import { type OptionName, optionOf, wordOf } from "./options.ts";
import { EVERYWHERE } from "./parse.ts";
import { formatTable } from "./table.ts";

/** `rendt submit [OPTIONS] -- COMMAND..` */
export function usageOf({ name, words, command, options }: Command): string {
  return ["rendt", name, options && "[OPTIONS]", words?.usage, command && "-- COMMAND.."].filter(Boolean).join(" ");
}

/** The rows `-i, --input SRC[=DEST]` and what they mean, as this command has them. */
export function optionRows(command: Command, names: readonly OptionName[] = command.options ?? []): [string, string][] {
  return names.map((name) => {
    const option = { ...optionOf(name), ...command.meanings?.[name] };
    const value = option.kind === "flag" ? "" : ` ${option.value ?? ""}`;
    const choices = option.choices ? `: ${option.choices.join(" or ")}` : "";
    return [`${option.short ? `-${option.short}, ` : "    "}--${wordOf(name)}${value}`, option.summary + choices];
  });
}

/** The whole help of one command. */
export function commandHelp(command: Command): string {
  const section = (title: string, rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : ["", `${title}:`, ...formatTable(rows).map((line) => `  ${line}`)];
  return [
    `Usage: ${usageOf(command)}`,
    "",
    `${command.summary}.`,
    ...(command.details ?? []),
    ...section("Options", optionRows(command)),
    ...units(command),
    ...section("Everywhere", optionRows(command, EVERYWHERE)),
    ...section(
      "Environment",
      (command.environment ?? []).map((name) => [name, ENVIRONMENT[name]]),
    ),
    "",
    "Example:",
    `  ${command.example}`,
  ].join("\n");
}

function units({ options = [] }: Command): string[] {
  const kinds = options.map((name) => optionOf(name).kind);
  const notes = [
    ...(kinds.includes("duration") ? ["TIME is 90s, 10m, 1h30m or 2d; a bare number is seconds."] : []),
    ...(kinds.includes("size") ? ["SIZE is 500M or 2G, in powers of 1024."] : []),
  ];
  return notes.length > 0 ? ["", ...notes] : [];
}

/** All commands by group, or those of one family such as `profile`. */
export function overview(commands: readonly Command[]): string {
  const lines = ["Usage: rendt COMMAND [OPTIONS] [WORDS] [-- COMMAND..]"];
  const rows = formatTable(commands.map(({ name, summary }) => [name, summary]));
  for (const [group, title] of Object.entries(GROUPS)) {
    const own = rows.filter((_, at) => commands[at]?.group === group);
    if (own.length > 0) lines.push("", `${title}:`, ...own.map((row) => `  ${row}`));
  }
  return [...lines, "", "`rendt COMMAND --help` tells more."].join("\n");
}
