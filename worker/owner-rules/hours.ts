import * as z from "zod";
import type { Hours } from "./schedule.ts";

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY = DAYS.join("|");
const SPAN = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$/;

const span = z.string().refine(isSpan, "hours such as 20:00-07:00, from 00:00 to 24:00");

/** `sat = "00:00-24:00"`, `mon-fri = ["12:00-13:00", "18:00-08:00"]`, `daily = "22:00-06:00"`. */
export const schedule = z
  .record(
    z.string().regex(new RegExp(`^(daily|(${DAY})(-(${DAY}))?)$`)),
    z.union([span.transform((text) => [text]), z.array(span).min(1)], "hours such as 20:00-07:00, from 00:00 to 24:00"),
    {
      error: ({ code }) =>
        code === "invalid_key" ? "a day such as mon, mon-fri or daily" : "a table of days and hours: [rules.schedule]",
    },
  )
  .superRefine((days, context) => {
    const named = Object.keys(days).flatMap(daysOf);
    const twice = DAYS.filter((_, day) => named.filter((each) => each === day).length > 1);
    const tell = (message: string) => context.addIssue({ code: "custom", message });
    if (twice.length > 0) tell(`${twice.join(", ")} is named by more than one line: which one holds?`);
    if (named.length === 0) tell("no hour of the week is left: work would never run");
  })
  .transform((days): Hours[] =>
    Object.entries(days).flatMap(([name, spans]) =>
      daysOf(name).flatMap((day) => spans.map((text) => ({ day, ...minutesOf(text) }))),
    ),
  );

/** 0 is Sunday; `fri-mon` goes over the end of the week. */
function daysOf(name: string): number[] {
  if (name === "daily") return DAYS.map((_, day) => day);
  const [first = "", last = first] = name.split("-");
  const from = DAYS.indexOf(first);
  const count = ((DAYS.indexOf(last) - from + 7) % 7) + 1;
  return Array.from({ length: count }, (_, at) => (from + at) % 7);
}

function isSpan(text: string): boolean {
  if (!SPAN.test(text)) return false;
  const { from, upTo } = minutesOf(text);
  return upTo <= 24 * 60 && from !== upTo;
}

function minutesOf(text: string): { from: number; upTo: number } {
  const [, fromHour, fromMinute, upToHour, upToMinute] = SPAN.exec(text) ?? [];
  return {
    from: Number(fromHour) * 60 + Number(fromMinute),
    upTo: Number(upToHour) * 60 + Number(upToMinute),
  };
}
