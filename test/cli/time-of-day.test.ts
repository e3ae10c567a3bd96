import { expect, it } from "vitest";
import { nextTimeOfDay } from "../../cli/time-of-day.ts";

const now = new Date(2026, 10, 21, 17, 30);

it.each([
  ["18:00", new Date(2026, 10, 21, 18, 0)],
  ["17:31", new Date(2026, 10, 21, 17, 31)],
  ["17:30", new Date(2026, 10, 22, 17, 30)],
  ["9:05", new Date(2026, 10, 22, 9, 5)],
  ["0:00", new Date(2026, 10, 22, 0, 0)],
])("%s is today's if that is still to come, else tomorrow's", (text, time) =>
  expect(nextTimeOfDay(text, now)).toBe(time.getTime()),
);

it("the day after the last of a month is the first of the next", () =>
  expect(nextTimeOfDay("8:00", new Date(2026, 11, 31, 9, 0))).toBe(new Date(2027, 0, 1, 8, 0).getTime()));

it.each(["", "18", "24:00", "18:60", "6pm", "18:0", "-1:00", "18:00:00"])("%j is none", (text) =>
  expect(nextTimeOfDay(text, now)).toBeUndefined(),
);
