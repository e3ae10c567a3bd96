import * as z from "zod";

/** Words of `cdk deploy -c NAME=VALUE`; on the command line every value is a string. */
const number = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);

export const settings = z.strictObject({
  /** Name of the stack: several may live in one account and region. */
  stack: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/)
    .default("rendt"),
  /** Who gets alarms and budget warnings by mail; without it alarms only show in the console, and there is no budget. */
  alarmEmail: z.email().optional(),
  /** After so long without a worker that takes it, a waiting job raises an alarm. */
  waitAlarmMinutes: number(1, 100_000).default(60),
  /** Warned of at 50, 80 and 100 %. */
  budgetDollars: number(1, 1_000_000).default(10),
  /** Most copies of the api Lambda at once. Off by default: a new account has 10 in all, of which none can be reserved. */
  reservedConcurrency: number(1, 10_000).optional(),
  /** The fuse of the bill: what the table, and each index of it, does in a second at most. */
  maxReadUnits: number(1, 40_000).default(4000),
  maxWriteUnits: number(1, 40_000).default(4000),
  /** Where the console is served from, if not by the Function URL. */
  consoleOrigin: z.url().optional(),
  /** A CloudWatch page; three of an account are free. */
  dashboard: flag.default(false),
});
export type Settings = z.infer<typeof settings>;
export const SETTING_NAMES = Object.keys(settings.shape);

/** Reads the settings; every mistake is told together. */
export function readSettings(from: (name: string) => unknown): Settings {
  const given = SETTING_NAMES.map((name): [string, unknown] => [name, from(name)]);
  const parsed = settings.safeParse(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new Error(`wrong context (docs/deploy.md lists all): ${mistakes.join("; ")}`);
}
