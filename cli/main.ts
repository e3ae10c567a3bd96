import { assertUtf8Arguments } from "./arguments.ts";
import type { Call, Command } from "./command.ts";
import { readEnvironment } from "./environment.ts";
import { usage } from "./failure.ts";
import { findCommand } from "./find-command.ts";
import { commandHelp, usageOf } from "./help.ts";
import { EVERYWHERE, parseArguments } from "./parse.ts";
import { createTerminal, flush, type Terminal } from "./terminal.ts";

/** Runs one command line of these commands and answers the exit code; whatever goes wrong is told here. */
export async function main(args: readonly string[], commands: readonly Command[]): Promise<number> {
  const environment = readEnvironment();
  const terminal = createTerminal(environment);
  let command: Command | undefined;
  let exit: number;
  try {
    assertUtf8Arguments(args);
    const found = findCommand(args, commands);
    if ("overview" in found) {
      if (found.exit === 0) terminal.line(found.overview);
      else terminal.say(found.overview);
      exit = found.exit;
    } else {
      command = found.command;
      exit = await runCommand(command, found.rest, { environment, terminal, commands });
    }
  } catch (error) {
    exit = await tellError(error, command, terminal);
  }
  await flush();
  return exit;
}

async function runCommand(
  command: Command,
  args: readonly string[],
  surroundings: Pick<Call, "environment" | "terminal" | "commands">,
): Promise<number> {
  const parsed = parseArguments(args, [...(command.options ?? []), ...EVERYWHERE]);
  if (parsed.values.help) {
    surroundings.terminal.line(commandHelp(command));
    return 0;
  }
  const words = command.command ? parsed.words : [...parsed.words, ...(parsed.command ?? [])];
  const mistakes = [...parsed.mistakes, ...miscounted(command, words)];
  if (mistakes.length > 0) throw usage(mistakes, `${usageOf(command)}; \`rendt ${command.name} --help\` tells more`);
  const { run } = await command.load();
  const call: Call = {
    words,
    command: command.command ? parsed.command : undefined,
    options: parsed.values,
    ...surroundings,
  };
  return await run(call);
}

function miscounted(command: Command, words: readonly string[]): string[] {
  const { usage: called, min, max } = command.words ?? { usage: "", min: 0, max: 0 };
  if (words.length < min) return [`${called} is missing`];
  if (words.length <= max) return [];
  if (command.command) return [`the command goes after --: rendt ${command.name} -- ${words.join(" ")}`];
  return [`${JSON.stringify(words[max])} is one word too many`];
}

/** Loaded when needed: the error classes bring the contract's schemas with them. */
async function tellError(error: unknown, command: Command | undefined, terminal: Terminal): Promise<number> {
  const { explainError, runExitOf, withCode } = await import("./exit.ts");
  const explained = explainError(error);
  const { exit, hint, stack } = explained;
  if (stack) terminal.say(stack);
  terminal.say(`rendt: ${withCode(explained)}`);
  if (hint) terminal.say(`hint: ${hint}`);
  return command?.name === "run" ? runExitOf(exit) : exit;
}
