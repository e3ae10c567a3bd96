import type { CommandOf, Finish } from "../../functions/domain/commands.ts";
import { unfold } from "../../functions/domain/done.ts";
import type { Terms } from "../../functions/domain/new-slice.ts";
import { sliceOf } from "../../functions/domain/only-slice.ts";
import type { Span } from "../../functions/domain/ranges.ts";
import type { Job, Slice, SweepState } from "../../functions/domain/records.ts";
import type { DoneEntry, DonePage } from "../../functions/domain/slice-record.ts";
import { nowOf } from "../../functions/domain/time.ts";

/** What an observer who sees every message remembers; keys are `lease/position`. */
export type Ghost = {
  answers: Map<string, "accepted" | "lost">;
  /** The lease whose success a task has. */
  successes: Map<number, string>;
  /** In which round a lease was granted, and to whom. */
  claims: Map<string, { round: number; worker: string }>;
  /** Leases whose loss counts as a crash of the task, as far as it stayed a loss. */
  losses: Map<number, Set<string>>;
};

/** A lease as its worker knows it; results by position. */
export type SimLease = {
  id: string;
  slice: number;
  from: number;
  upTo: number;
  /** Its own last word: tasks from here on get no result of it. */
  end: number;
  mayRun: boolean;
  results: Map<number, Finish["verdicts"][number]>;
  answered: Set<number>;
};
export type SimWorker = { id: string; leases: Map<string, SimLease> };

/** The store, the workers and all that is on its way between them, with one job. */
export type World = {
  realTime: number;
  /** How far the server's clock is off. */
  clockOffset: number;
  job: Job;
  slices: Map<number, Slice>;
  terms: Terms;
  documents: Map<string, DonePage>;
  sweep: SweepState | undefined;
  workers: SimWorker[];
  /** Requests that were sent; any may arrive late, never, or again and again. */
  mail: { slice: number; command: CommandOf<"finish"> | CommandOf<"renew"> }[];
  drawn: number;
  ghost: Ghost;
  /** The header that a slow release began with; it goes on writing slices whatever happened since. */
  slowRelease: Job | undefined;
  backup: (() => void) | undefined;
  /** How often what happened, so that a run can tell that it has been everywhere. */
  seen: Map<string, number>;
};

export const clockOf = (world: World): number => world.realTime + world.clockOffset;
export const nowIn = (world: World): number => nowOf(clockOf(world), world.sweep?.lastNow ?? 0);

export function sliceIn(world: World, number: number): Slice | undefined {
  return sliceOf(world.job) ?? world.slices.get(number);
}

export function slicesIn(world: World): Slice[] {
  const only = sliceOf(world.job);
  return only ? [only] : [...world.slices.values()];
}

export const entriesOf = (world: World, slice: Slice): DoneEntry[] => [
  ...unfold(slice.pages ?? [], world.documents).entries,
  ...slice.done,
];

export function count(world: World, what: string): void {
  world.seen.set(what, (world.seen.get(what) ?? 0) + 1);
}

/** A promise of lifecycle.md that does not hold. */
export function fail(what: string): never {
  throw new Error(`violation: ${what}`);
}

export function eachOf(span: Span, visit: (position: number) => void): void {
  for (let position = span.from; position < span.upTo; position += 1) visit(position);
}

export const covers = (span: Span, position: number): boolean => span.from <= position && position < span.upTo;

/** Lease ids that were never used before. */
export function drawIds(world: World, count: number): string[] {
  const first = world.drawn;
  world.drawn += count;
  return Array.from({ length: count }, (_, i) => `l${first + i}`);
}
