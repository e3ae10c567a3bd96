// Every attack of bench/attacks/list.ts at both sandbox levels, each against a worker of its own; the table stands in docs/security.md.
// node --import ./scripts/ts.mjs bench/attacks.ts
import { ATTACKS } from "./attacks/list.ts";
import { attack, type Outcome } from "./attacks/room.ts";
import { createReport } from "./support/emit.ts";

const report = createReport("attacks");
const shown = ({ verdicts: [verdict], skipped, died }: Outcome): string => {
  if (skipped !== undefined) return `not tried: ${skipped}`;
  if (verdict?.got !== undefined) return `**${verdict.got}**`;
  return died || !verdict
    ? "**worker killed**"
    : verdict.end.startsWith("limit")
      ? verdict.end.replace(/^limit \d+ /, "")
      : "refused";
};

const rows: string[] = [];
let won = 0;
for (const { name } of ATTACKS) {
  const none = await attack([name], "none");
  const strict = await attack([name], "strict");
  if (strict.died || strict.verdicts.some(({ got }) => got !== undefined)) won += 1;
  rows.push(`| ${name} | ${shown(none)} | ${shown(strict)} |`);
}
console.log(["| attack | `none` | `strict` |", "|---|---|---|", ...rows].join("\n"));
report({
  figure: "attacks that succeed at strict",
  value: won,
  unit: "attacks",
  bar: { atMost: 0 },
  tried: ATTACKS.length,
});
