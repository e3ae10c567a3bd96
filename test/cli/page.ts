import { ENVIRONMENT, GROUPS } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { EXIT, RUN_EXIT } from "../../cli/exit.ts";
import { commandHelp } from "../../cli/help.ts";

const rows = (table: readonly (readonly [string | number, string])[]): string =>
  table.map(([left, right]) => `| ${typeof left === "number" ? left : `\`${left}\``} | ${right} |`).join("\n");

const exits: readonly (readonly [number, string])[] = [
  [EXIT.done, "done"],
  [EXIT.jobFailed, "the job failed, was cancelled or expired (`wait`, `submit --wait`)"],
  [EXIT.usage, "wrong usage, in every command"],
  [EXIT.refused, "refused or not found"],
  [EXIT.unreachable, "the server can't be reached"],
  [EXIT.waitedTooLong, "waited too long (`--timeout` of `wait`, `--wait-timeout`)"],
];
const runExits: readonly (readonly [number, string])[] = [
  [RUN_EXIT.timedOut, "the job's time limit"],
  [RUN_EXIT.lost, "refused, unreachable, lost, expired or waited too long"],
  [RUN_EXIT.notExecutable, "the command can't be executed"],
  [RUN_EXIT.noSuchCommand, "there is no such command"],
  [RUN_EXIT.interrupted, "after Ctrl-C"],
];

/** docs/cli.md, made from the command table. */
export function cliPage(): string {
  const commands = Object.entries(GROUPS).map(([group, title]) => {
    const own = COMMANDS.filter((command) => command.group === group);
    return `## ${title}\n\n${own.map((command) => `### rendt ${command.name}\n\n\`\`\`text\n${commandHelp(command)}\n\`\`\``).join("\n\n")}`;
  });
  return `# The command line

This page is made from the command table (\`cli/commands.ts\`) and compared with it by test; \`npx vitest run test/cli/page.test.ts -u\`
writes it anew. What stands after \`--\` is the command that a worker runs, word by word: no shell reads it.

Standard output is data, standard error is talk. \`--json\` prints the server's answer as it is, \`-q\` prints ids only.

## Naming jobs

A selector (SEL) is a job's id, the unique beginning of one, \`last\` for the newest job, \`ID.3\` for a task and \`ID.0-9\` for several.
Statuses have two names: \`finished (f)\`.

## Exit codes

| code | meaning |
|---|---|
${rows(exits)}

\`rendt run\` exits with the command's own code, several tasks with the highest of theirs; 128 + n means killed by signal n. Its others:

| code | meaning |
|---|---|
${rows(runExits)}

Errors are told on standard error as \`rendt: WHAT FAILED (CODE)\` and, where there is one, \`hint: NEXT STEP\`.

## Environment

Flags win over the environment, the environment over the profile. Files that hold tokens must have mode 0600.

| variable | meaning |
|---|---|
${rows(Object.entries(ENVIRONMENT))}

## Job files and scripts

\`rendt submit --file job.toml\` reads the same words as the options, and \`command\`; all mistakes are told together. What is also given on
the command line wins; repeatable options add up. Paths are relative to the current folder.

\`\`\`toml
command = ["python3", "analyse.py", "data.csv"]
input = ["analyse.py", "data.csv"]
output = "out/*"
timeout = "10m"
env = { SEED = 7 }
limit = { processes = 64, cpu-time = "5m" }
\`\`\`

A script (\`--script\`) is sent and run by the interpreter of its first line. Lines \`#RENDT -i data.csv --timeout 10m\` among the comments at
its top hold options.

${commands.join("\n\n")}
`;
}
