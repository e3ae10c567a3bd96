import type { Call } from "../command.ts";

export function run({ options, terminal }: Call): number {
  const facts = { version: RENDT_VERSION, node: process.version, platform: process.platform, arch: process.arch };
  if (options.json) terminal.json(facts);
  else terminal.line(`rendt ${facts.version} (node ${facts.node.slice(1)}, ${facts.platform} ${facts.arch})`);
  return 0;
}
