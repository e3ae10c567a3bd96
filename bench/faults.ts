// Breaks what can break at exact places, a case each, and looks whether a result was lost or counted twice, or anything left behind.
// node --import ./scripts/ts.mjs bench/faults.ts [--only TEXT].. [--at-once N]
import { parseArgs } from "node:util";
import { cases } from "./faults/cases.ts";
import { type Row, runCase } from "./faults/run.ts";
import { createReport } from "./support/emit.ts";

const { values } = parseArgs({
  options: { only: { type: "string", multiple: true, default: [""] }, "at-once": { type: "string", default: "3" } },
});
const chosen = cases.filter(
  ({ name, root }) => values.only.some((text) => name.includes(text)) && (!root || process.getuid?.() === 0),
);
const report = createReport("faults");
const rows: Row[] = [];
const waiting = [...chosen];
await Promise.all(
  Array.from({ length: Number(values["at-once"]) }, async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const row = await runCase(one);
      rows.push(row);
      const { case: figure, seconds, ...facts } = row;
      report({ figure, value: seconds, unit: "s", ...facts });
    }
  }),
);
const sum = (value: (row: Row) => number) => rows.reduce((all, row) => all + value(row), 0);
const none = { atMost: 0 };
report({ figure: "cases", value: rows.length, unit: "cases", bar: { atLeast: 25 } });
report({ figure: "lost results", value: sum(({ lost }) => lost), unit: "", bar: none });
report({ figure: "double finishes", value: sum(({ double }) => double), unit: "", bar: none });
report({ figure: "orphans", value: sum(({ orphans }) => orphans), unit: "", bar: none });
report({ figure: "cases with problems", value: sum(({ ok }) => (ok ? 0 : 1)), unit: "cases", bar: none });

const order = new Map(cases.map(({ name }, at) => [name, at]));
rows.sort((a, b) => (order.get(a.case) ?? 0) - (order.get(b.case) ?? 0));
console.log("\n| case | lost | double | orphans | as it should | s |\n|---|---|---|---|---|---|");
for (const row of rows) {
  const { lost, double, orphans, ok, seconds } = row;
  console.log(`| ${row.case} | ${lost} | ${double} | ${orphans} | ${ok ? "yes" : "**no**"} | ${seconds.toFixed(1)} |`);
}
