import { type RuleOf, SECOND } from "./rule.ts";

/** Hours of one weekday (0 is Sunday), in minutes after midnight; an end that is not later than the beginning is on the next day. */
export type Hours = { day: number; from: number; upTo: number };

const LOOK_DAYS = 8;
const DAY_MS = 24 * 60 * 60 * SECOND;

/** Work runs only in these hours of the week, by the clock on the wall. */
export const createSchedule: RuleOf<{ hours: readonly Hours[] }> = ({ hours }, { clock }) => ({
  code: "outside_hours",
  everyMs: 5 * SECOND,
  freezes: true,
  slots: 0,
  async look() {
    const now = clock.wall();
    const windows = windowsAround(hours, now);
    const current = windows.find(({ from, upTo }) => from <= now && now < upTo);
    // A weekday names a moment of the next seven days only.
    const end = current && current.upTo - now <= 7 * DAY_MS ? `until ${sayMoment(current.upTo)}` : "all week";
    if (current) return { holds: false, text: `the schedule allows work ${end}` };
    const next = windows.find(({ from }) => from > now);
    const text = `the schedule allows no work now${next ? `, but from ${sayMoment(next.from)} on` : ""}`;
    return { holds: true, text, ...(next && { until: next.from }) };
  },
});

/** From yesterday's on, which may last into today, merged where they touch. Dates do the sums: a day may have 23 or 25 hours. */
function windowsAround(hours: readonly Hours[], now: number): { from: number; upTo: number }[] {
  const today = new Date(now);
  const found = Array.from({ length: LOOK_DAYS + 1 }, (_, at) => at - 1).flatMap((offset) => {
    const at = (minutes: number) =>
      new Date(today.getFullYear(), today.getMonth(), today.getDate() + offset, 0, minutes).getTime();
    const day = new Date(at(12 * 60)).getDay();
    return hours
      .filter((each) => each.day === day)
      .map(({ from, upTo }) => ({ from: at(from), upTo: at(upTo > from ? upTo : upTo + 24 * 60) }));
  });
  const merged: { from: number; upTo: number }[] = [];
  for (const each of found.sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && each.from <= last.upTo) last.upTo = Math.max(last.upTo, each.upTo);
    else merged.push({ ...each });
  }
  return merged;
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function sayMoment(ms: number): string {
  const date = new Date(ms);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${DAYS[date.getDay()]} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
