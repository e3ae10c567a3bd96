import { read } from "../repo/sources.ts";

/** Blocks of docs/deploy.md that the tests of this folder run as they stand there. */
export const COMMANDS_RUN = ["deploy", "login", "code", "join", "compare"] as const;

/** The words of each command of a block, without `npx`: `npx cdk deploy --all` is `["cdk", "deploy", "--all"]`. */
export function commandsOf(name: (typeof COMMANDS_RUN)[number]): string[][] {
  const [, block = ""] =
    new RegExp(`<!-- run: ${name} -->\n\`\`\`sh\n([^\`]*)\`\`\``).exec(read("docs/deploy.md")) ?? [];
  return block
    .trim()
    .split("\n")
    .map((line) => {
      const words = line.replace(/^npx (?=cdk )/, "").split(" ");
      if (words[0] !== "cdk" && words[0] !== "rendt") throw new Error(`only npx cdk and rendt are run, not: ${line}`);
      return words;
    });
}
