import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { ENVIRONMENT } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import { OPTIONS, optionOf, wordOf } from "../../cli/options.ts";
import { EVERYWHERE } from "../../cli/parse.ts";
import { cliPage } from "./page.ts";

it("docs/cli.md is what the command table says", async () => {
  await expect(cliPage()).toMatchFileSnapshot(fileURLToPath(new URL("../../docs/cli.md", import.meta.url)));
});

it("every option is some command's, and no word or letter means two", () => {
  const used = new Set([...COMMANDS.flatMap(({ options = [] }) => options), ...EVERYWHERE]);
  expect(Object.keys(OPTIONS).filter((name) => !used.has(name as keyof typeof OPTIONS))).toEqual([]);
  for (const { options = [] } of COMMANDS) {
    const letters = [...options, ...EVERYWHERE].flatMap((name) => optionOf(name).short ?? []);
    expect(letters).toEqual([...new Set(letters)]);
    const words = [...options, ...EVERYWHERE].map(wordOf);
    expect(words).toEqual([...new Set(words)]);
  }
});

it("every command has one row, an example that names it, and environment names that are documented", () => {
  const names = COMMANDS.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  for (const { name, example, environment = [], summary, options = [], meanings = {} } of COMMANDS) {
    expect(options).toEqual(expect.arrayContaining(Object.keys(meanings)));
    expect(example).toContain(`rendt ${name}`);
    expect(summary).toMatch(/^[A-Z].*[^.]$/);
    for (const variable of environment) expect(Object.keys(ENVIRONMENT)).toContain(variable);
  }
});
