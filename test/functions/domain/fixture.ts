import type { AnswerOf, CommandKind, CommandOf, Refused, Verdict } from "../../../functions/domain/commands.ts";
import { createJob, type NewJob, release } from "../../../functions/domain/job.ts";
import { newSlice, type Terms } from "../../../functions/domain/new-slice.ts";
import type { Job, Slice } from "../../../functions/domain/records.ts";
import { decide } from "../../../functions/domain/slice.ts";

export const T0 = 1_800_000_000_000;
export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const terms = (changed: Partial<Terms> = {}): Terms => ({ cap: 8, crashLimit: 10, maxTries: 1, ...changed });

export function aJob(changed: Partial<NewJob> = {}): Job {
  const wanted = { id: "j0123456789ab", owner: "a1", requestHash: "h", queue: "a1", class: "any", order: 5 };
  return createJob({ ...wanted, spec: { inline: {} }, keepMs: HOUR, count: 1, ...changed }, T0);
}

export function aSlice(count: number, changed: Partial<Terms> = {}, known: Partial<Slice> = {}): Slice {
  const released: Job = { ...aJob({ count }), slices: 1, times: { createdAt: T0, releasedAt: T0 } };
  return { ...newSlice(released, 0, terms(changed), T0), ...known };
}

export function aReleasedJob(count: number, changed: Partial<Terms> = {}, limit?: number): Job {
  return release(aJob({ count, limit }), terms(changed), T0);
}

/** Decides and expects no refusal. */
export function does<K extends CommandKind>(slice: Slice, command: CommandOf<K>, now: number): Slice {
  return told<K>(slice, command, now).slice;
}

export function told<K extends CommandKind>(
  slice: Slice,
  command: CommandOf<K>,
  now: number,
): { slice: Slice; answer: AnswerOf<K> } {
  const decision = decide<K>(slice, command, now);
  if ("code" in decision) throw new Error(`${decision.code}: ${decision.message}`);
  return decision;
}

export function refused<K extends CommandKind>(slice: Slice, command: CommandOf<K>, now: number): Refused {
  const decision = decide<K>(slice, command, now);
  if ("code" in decision) return decision;
  throw new Error(`${command.kind} was not refused`);
}

export const claim = (lease: string, more: Partial<CommandOf<"claim">> = {}): CommandOf<"claim"> => ({
  kind: "claim",
  worker: "w1",
  leases: [lease],
  ...more,
});

export const renew = (lease: string, more: Partial<CommandOf<"renew">> = {}): CommandOf<"renew"> => ({
  kind: "renew",
  worker: "w1",
  lease,
  ...more,
});

export const finish = (
  lease: string,
  from: number,
  verdicts: readonly Verdict[],
  more: Partial<CommandOf<"finish">> = {},
): CommandOf<"finish"> => ({
  kind: "finish",
  worker: "w1",
  lease,
  from,
  verdicts,
  doc: { hash: `${lease}-${from}` },
  docFrom: from,
  ...more,
});

export const expire = { kind: "expire" } as const;
export const cancel = (round = 0) => ({ kind: "cancel", round }) as const;
export const retry = (round = 0) => ({ kind: "retry", round }) as const;
