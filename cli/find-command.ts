import type { Command } from "./command.ts";
import { usage } from "./failure.ts";
import { overview } from "./help.ts";
import { nearest } from "./nearest.ts";
import { isOptionName, optionOf } from "./options.ts";
import { EVERYWHERE } from "./parse.ts";

type Found = { command: Command; rest: string[] } | { overview: string; exit: number };

/** The command that a line names, in one or two words; options that every command has may stand in front. */
export function findCommand(args: readonly string[], commands: readonly Command[]): Found {
  const { leading, rest } = splitLeading(args);
  const [first, second] = rest;
  if (first === undefined) {
    const asked = leading.some((word) => word === "--help" || word === "-h");
    return { overview: overview(commands), exit: asked ? 0 : 2 };
  }
  const single = commands.find(({ name }) => name === first);
  if (single) return { command: single, rest: [...leading, ...rest.slice(1)] };

  const family = commands.filter(({ name }) => name.startsWith(`${first} `));
  if (family.length === 0)
    throw unknownCommand(first, [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))]);
  if (second === undefined) return { overview: overview(family), exit: 2 };
  if (second === "--help" || second === "-h") return { overview: overview(family), exit: 0 };
  const double = family.find(({ name }) => name === `${first} ${second}`);
  if (double) return { command: double, rest: [...leading, ...rest.slice(2)] };
  throw unknownCommand(
    `${first} ${second}`,
    family.map(({ name }) => name),
  );
}

function unknownCommand(typed: string, names: readonly string[]) {
  const near = nearest(typed, names);
  return usage(
    `unknown command ${JSON.stringify(typed)}`,
    near ? `did you mean \`rendt ${near}\`?` : "`rendt help` lists the commands",
  );
}

function splitLeading(args: readonly string[]): { leading: string[]; rest: string[] } {
  const rest = [...args];
  const leading: string[] = [];
  while (rest[0]?.startsWith("-")) {
    const word = rest.shift() ?? "";
    const name = word === "-h" ? "help" : word.replace(/^--/, "").replace(/=.*$/s, "");
    if (!isOptionName(name) || !EVERYWHERE.includes(name))
      throw usage(`unknown option ${word} before the command`, "give the command first: rendt COMMAND [OPTIONS]");
    leading.push(word);
    const value = rest[0];
    if (optionOf(name).kind !== "flag" && !word.includes("=") && value !== undefined)
      leading.push(...rest.splice(0, 1));
  }
  return { leading, rest };
}
