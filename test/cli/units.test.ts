import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAgo, formatDuration, formatSize, parseDuration, parseSize } from "../../cli/units.ts";

describe("durations", () => {
  it.each([
    ["90", 90_000],
    ["0.5s", 500],
    ["90s", 90_000],
    ["10m", 600_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
  ])("%s is %i ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "s", "5x", "-5s", "1 h", "5S", "1e3", "0x10", "5s!", "ten"])("%j is none", (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  it.each([
    [0, "0 ms"],
    [820, "820 ms"],
    [12_345, "12.3s"],
    [59_999, "1m"],
    [245_000, "4m 5s"],
    [7_380_000, "2h 3m"],
    [273_600_000, "3d 4h"],
  ])("%i ms is shown as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("sizes", () => {
  it.each([
    ["0", 0],
    ["512", 512],
    ["512B", 512],
    ["64K", 65_536],
    ["64k", 65_536],
    ["1.5G", 1_610_612_736],
    ["2T", 2_199_023_255_552],
  ])("%s is %i bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(["", "K", "5X", "-1", "1 G", "2GBB", "1,5G"])("%j is none", (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );

  it("what is shown can be read again, within its rounding", () => {
    void fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        const again = parseSize(formatSize(bytes)) ?? Number.NaN;
        expect(Math.abs(again - bytes)).toBeLessThanOrEqual(bytes * 0.06);
      }),
    );
  });
});

it("times near now are told by their distance, others by their date", () => {
  const now = Date.UTC(2026, 10, 21, 12);
  expect(formatAgo(now - 12_400, now)).toBe("12s ago");
  expect(formatAgo(now - 3_600_000 * 3, now)).toBe("3h ago");
  expect(formatAgo(now - 86_400_000 * 30, now)).toBe("2026-10-22 12:00");
  expect(formatAgo(now + 60_000, now)).toBe("in 1m");
});
