import type { Blobs } from "./blobs/port.ts";
import type { Store } from "./store/port.ts";

/**
 * Wakes those who wait for something. The embedded server's rings at once; the cloud's `wait` answers at once with false,
 * because a sleeping Lambda costs more than a poll. Topics: `queue:<queue>`, `job:<id>`, `lease:<worker>`, `worker:<id>`, `log:<job>`.
 */
export type Doorbell = {
  ring(topic: string): void;
  /** True when one of the topics rang, false after `ms` or when the signal aborts. Listen before you look, so that nothing is missed. */
  listen(topics: readonly string[]): { rung(ms: number, signal?: AbortSignal): Promise<boolean>; close(): void };
  /** Whether waiting makes sense here at all. */
  readonly holds: boolean;
};

export type LogLevel = "debug" | "info" | "warn" | "error";
/** Structured log line; never given a token, a grant or a body. */
export type Log = (level: LogLevel, message: string, facts?: Record<string, unknown>) => void;

/** All that the app needs from outside; the two entries (api.ts, local.ts) are the only places that know which one it has. */
export type Deps = {
  store: Store;
  blobs: Blobs;
  doorbell: Doorbell;
  /** Server time in ms. */
  clock: () => number;
  /** `random(n)`: n bytes that nobody can guess. */
  random: (bytes: number) => Uint8Array;
  log: Log;
  /** Known to this server alone: turns `key` of create into an id that nobody can guess. */
  secret: Uint8Array;
  version: string;
  sweepPeriodMs: number;
};
