import * as z from "zod";
import { MIN_RATE } from "./config.ts";

/** Sizes and times of worker.toml, in the units of the command line. */
const UNITS = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

export const size = z
  .union(
    [z.int().min(1), z.string().regex(/^\d+(\.\d+)?[KMGT]?$/i, "a size such as 500M or 2G")],
    "a size such as 500M or 2G",
  )
  .transform((value) => {
    if (typeof value === "number") return value;
    const unit = value.slice(-1).toUpperCase();
    return Math.round(Number.parseFloat(value) * (unit in UNITS ? UNITS[unit as keyof typeof UNITS] : 1));
  });

/** Bytes a second. Slower than the least, connections would be taken for dead. */
export const rate = size.refine((value) => value >= MIN_RATE, "at least 8K a second");

export const time = z
  .string("a time such as 90s, 10m or 2h")
  .regex(/^\d+[smhd]$/, "a time such as 90s, 10m or 2h")
  .transform((value) => {
    const unit = value.slice(-1) as keyof typeof SECONDS;
    return Number.parseInt(value, 10) * SECONDS[unit] * 1000;
  });

export const count = z.int("a whole number");
