import { expect, it } from "vitest";
import { formatTable } from "../../cli/table.ts";

it.each([
  ["name", 4],
  ["日本語", 6],
  ["작업", 4],
  ["ﾊﾝｶｸ", 4],
  ["🎉 ok", 5],
  ["☀️ x", 4],
  ["e\u0301", 1],
  ["\u001b[32mgreen\u001b[39m", 5],
])("the column behind %j, which a terminal shows in %i cells, stands under the one above", (text, cells) => {
  const [, line] = formatTable([
    ["LONG COLUMN", "|"],
    [text, "|"],
  ]);
  expect(line).toBe(`${text}${" ".repeat("LONG COLUMN".length - cells)}  |`);
});
