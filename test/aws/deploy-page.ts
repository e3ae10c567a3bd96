import { read } from "../repo/sources.ts";

/** Blocks of docs/deploy.md that deployment.ts runs as they stand there. */
export const COMMANDS_RUN = ["deploy", "compare"] as const;

/** The words of each command of a block: `npx cdk deploy --all` is `["cdk", "deploy", "--all"]`. */
export function commandsOf(name: (typeof COMMANDS_RUN)[number]): string[][] {
  const [, block = ""] =
    new RegExp(`<!-- run: ${name} -->\n\`\`\`sh\n([^\`]*)\`\`\``).exec(read("docs/deploy.md")) ?? [];
  return block
    .trim()
    .split("\n")
    .map((line) => {
      const [npx, ...words] = line.split(" ");
      if (npx !== "npx" || words[0] !== "cdk") throw new Error(`only npx cdk can be run from there, not: ${line}`);
      return words;
    });
}
