import { describe, expect, it } from "vitest";
import { readRange } from "../../../functions/blobs/range.ts";

describe("a Range header on 1000 bytes", () => {
  const rows: [string | undefined, ReturnType<typeof readRange>][] = [
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=0-", { start: 0, end: 1000 }],
    ["bytes=999-", { start: 999, end: 1000 }],
    ["bytes=10-19", { start: 10, end: 20 }],
    ["bytes=10-99999", { start: 10, end: 1000 }],
    ["bytes=-1", { start: 999, end: 1000 }],
    ["bytes=-5000", { start: 0, end: 1000 }],
    ["bytes=1000-", "unsatisfiable"],
    ["bytes=1000-1001", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    [undefined, undefined],
    ["", undefined],
    ["bytes=-", undefined],
    ["bytes=9-3", undefined],
    ["bytes=0-1,5-6", undefined],
    ["bytes=a-b", undefined],
    ["items=0-1", undefined],
    ["bytes=0-1 ", undefined],
  ];
  it.each(rows)("%j means %j", (header, meaning) => {
    expect(readRange(header, 1000)).toEqual(meaning);
  });

  it("has nothing to give of an empty blob", () => {
    expect(readRange("bytes=0-", 0)).toBe("unsatisfiable");
    expect(readRange(undefined, 0)).toBeUndefined();
  });
});
