import { RendtError } from "../contract/errors.ts";

/** Milliseconds, or text with a unit: `"1500ms"`, `"90s"`, `"10m"`, `"1.5h"`, `"30d"`. */
export type Duration = number | string;

const UNITS: Partial<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function durationMs(value: Duration, name: string): number {
  const [, number, unit = ""] = typeof value === "string" ? (/^(\d+(?:\.\d+)?)([a-z]+)$/.exec(value) ?? []) : [];
  const ms = typeof value === "number" ? value : Number(number) * (UNITS[unit] ?? Number.NaN);
  if (Number.isFinite(ms) && ms >= 0) return Math.round(ms);
  throw new RendtError(
    "bad_request",
    `${name}: ${JSON.stringify(value)} is no duration; give ms as a number, or text such as "90s", "10m", "1.5h", "30d"`,
  );
}
