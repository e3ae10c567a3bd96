import { expect, it } from "vitest";
import { COMMANDS_RUN, commandsOf } from "../aws/deploy-page.ts";
import { read } from "../repo/sources.ts";

it("every command of docs/deploy.md is run by a test, or says that it needs an account", () => {
  const text = read("docs/deploy.md");
  const marked = [...text.matchAll(/(.*)\n```sh\n/g)].map(([, mark]) => mark);
  expect(
    marked.filter((mark) => !/^<!-- (run: [a-z]+|run by \.ci\/run|needs an account) -->$/.test(mark ?? "")),
  ).toEqual([]);
  const runs = marked.flatMap((mark) => /run: ([a-z]+)/.exec(mark ?? "")?.[1] ?? []);
  expect(runs.toSorted()).toEqual([...COMMANDS_RUN].toSorted());
  for (const name of COMMANDS_RUN) expect(commandsOf(name).length).toBeGreaterThan(0);
});
