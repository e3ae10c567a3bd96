import * as z from "zod";
import { accountId } from "../../contract/account.ts";
import { price } from "../../contract/job.ts";
import type { Takes } from "../../contract/worker.ts";
import { count, size, time } from "../owner-units.ts";
import { schedule } from "./hours.ts";
import { createLoad } from "./load.ts";
import { createMetered } from "./metered.ts";
import { createPower } from "./power.ts";
import { createPrograms } from "./programs.ts";
import { createDisk, createMemory } from "./room.ts";
import type { Rule } from "./rule.ts";
import { createSchedule } from "./schedule.ts";
import type { Sources } from "./sources.ts";
import { createTemperature } from "./temperature.ts";
import { createTraffic } from "./traffic.ts";
import { createUserIdle } from "./user-idle.ts";

const CHARGE = 'the least charge in percent, 1 to 100, or "never"';

/** The table [rules] of worker.toml; what is left out is not looked at. */
export const rulesTable = z.strictObject({
  "user-idle": time.optional(),
  "slots-while-present": count(0).optional(),
  "on-battery": z.union([z.literal("never"), z.int().min(1, CHARGE).max(100, CHARGE)], CHARGE).optional(),
  "others-load": z.number("a number of cores, 0.05 or more").min(0.05).optional(),
  "free-memory": size.optional(),
  "free-disk": size.optional(),
  "max-temperature": z.number("30 to 110 degrees Celsius").min(30).max(110).optional(),
  "exclusive-programs": z.array(z.string().min(1).max(100)).min(1).optional(),
  metered: z.literal(false, "false: no work on a metered network; leave it out to allow it").optional(),
  "traffic-per-day": size.optional(),
  "give-back-after": time.optional(),
  schedule: schedule.optional(),
  queues: z
    .array(z.enum(["own", "public"]))
    .min(1)
    .optional(),
  accounts: z.array(accountId).min(1).max(256).optional(),
  "minimum-pay": price.optional(),
});
export type RuleTerms = z.output<typeof rulesTable>;

const GIVE_BACK_AFTER_MS = 10 * 60_000;

export const giveBackAfterMs = (terms: RuleTerms): number => terms["give-back-after"] ?? GIVE_BACK_AFTER_MS;

/** Whose jobs the owner wants: the server leaves the others out. Undefined when it is all the same to him. */
export function takesOf({ queues, accounts, "minimum-pay": minimumPay }: RuleTerms): Takes | undefined {
  const takes = {
    ...(queues && { queues }),
    ...(accounts && { accounts }),
    ...(minimumPay !== undefined && { minimumPay }),
  };
  return Object.keys(takes).length > 0 ? takes : undefined;
}

/** Makes the rules that the owner wrote, in the order in which they are told. */
export function createRules(terms: RuleTerms, sources: Sources): Rule[] {
  const rules: (Rule | undefined)[] = [
    made(terms["user-idle"], (idleMs) => createUserIdle({ idleMs, slots: terms["slots-while-present"] ?? 0 }, sources)),
    made(terms.schedule, (hours) => createSchedule({ hours }, sources)),
    made(terms["on-battery"], (least) => createPower({ leastPercent: least === "never" ? undefined : least }, sources)),
    made(terms["exclusive-programs"], (names) => createPrograms({ names }, sources)),
    made(terms["others-load"], (mostCores) => createLoad({ mostCores }, sources)),
    made(terms["max-temperature"], (most) => createTemperature({ most }, sources)),
    made(terms["free-memory"], (leastFree) => createMemory({ leastFree }, sources)),
    made(terms["free-disk"], (leastFree) => createDisk({ leastFree }, sources)),
    made(terms.metered, () => createMetered({}, sources)),
    made(terms["traffic-per-day"], (mostBytes) => createTraffic({ mostBytes }, sources)),
  ];
  return rules.filter((rule) => rule !== undefined);
}

const made = <T>(terms: T | undefined, make: (terms: T) => Rule): Rule | undefined =>
  terms === undefined ? undefined : make(terms);
