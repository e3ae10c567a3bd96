import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { openCloud } from "../../../bench/support/cloud.ts";
import { type Units, unitsByOperation } from "./units.ts";

const page = readFileSync(new URL("../../../docs/cost.md", import.meta.url), "utf8");

/** The rows of the table between `<!-- units -->` and `<!-- end -->`. */
function rowsOf(text: string): Record<string, Units> {
  const [, table = ""] = /<!-- units -->\n([\s\S]*?)<!-- end -->/.exec(text) ?? [];
  const rows = table.trim().split("\n").slice(2);
  return Object.fromEntries(
    rows.map((row) => {
      const [, name = "", writes, reads] = row.split("|").map((cell) => cell.trim());
      return [name, { writes: Number(writes), reads: Number(reads) }];
    }),
  );
}

it("every operation costs the units that docs/cost.md says", async () => {
  const cloud = await openCloud();
  try {
    expect(await unitsByOperation(cloud)).toEqual(rowsOf(page));
  } finally {
    await cloud.close();
  }
});
