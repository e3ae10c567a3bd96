import * as z from "zod";
import { MIN_RATE } from "./config.ts";

/** Sizes and times of worker.toml, in the units of the command line. */
const UNITS = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const SIZE = "a size such as 500M or 2G";
const TIME = "a time such as 90s, 10m or 2h";

/** 0 is one. */
export const sizeOrNone = z
  .union([z.int().min(0), z.string().regex(/^\d+(\.\d+)?[KMGT]?$/i, SIZE)], SIZE)
  .transform((value) => {
    if (typeof value === "number") return value;
    const unit = value.slice(-1).toUpperCase();
    return Math.round(Number.parseFloat(value) * (unit in UNITS ? UNITS[unit as keyof typeof UNITS] : 1));
  });

export const size = sizeOrNone.refine((value) => value > 0, SIZE);

/** Bytes a second. Slower than the least, connections would be taken for dead. */
export const rate = size.refine((value) => value >= MIN_RATE, "at least 8K a second");

export const time = z
  .string(TIME)
  .regex(/^\d+[smhd]$/, TIME)
  .transform((value) => {
    const unit = value.slice(-1) as keyof typeof SECONDS;
    return Number.parseInt(value, 10) * SECONDS[unit] * 1000;
  });

/** A whole number from `least` on, up to `most` where there is one. */
export function count(least: number, most = Number.MAX_SAFE_INTEGER) {
  const words =
    most === Number.MAX_SAFE_INTEGER ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`;
  return z.int(words).min(least, words).max(most, words);
}
