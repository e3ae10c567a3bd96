import type { Sources } from "./sources.ts";

/** Stable names of the reasons for which the owner's rules hold work back. */
export type ReasonCode =
  | "user_present"
  | "on_battery"
  | "others_load"
  | "low_memory"
  | "low_disk"
  | "too_hot"
  | "outside_hours"
  | "program_runs"
  | "metered_network"
  | "traffic_spent";

/** What a rule says now, with the values that it looked at. */
export type Verdict = {
  holds: boolean;
  text: string;
  /** Time of day, in ms, at which this may change, where that is known. */
  until?: number;
};

export type Rule = {
  readonly code: ReasonCode;
  readonly everyMs: number;
  /** While it holds, what runs stands still; else it only keeps new work away. */
  readonly freezes: boolean;
  /** Slots that may be used while it holds. */
  readonly slots: number;
  look(): Promise<Verdict>;
};

/** Makes a rule of what the owner wrote. */
export type RuleOf<Terms> = (terms: Terms, sources: Sources) => Rule;

export const SECOND = 1000;
