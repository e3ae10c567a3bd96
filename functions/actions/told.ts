import { RENEWAL_MS } from "../../contract/limits.ts";

/** Leases whose worker knows that they are watched. */
export type Told = {
  has(lease: string): boolean;
  /** Notes what a worker was told of a lease that it holds. */
  note(lease: string, watch: boolean, now: number): void;
  /** Nothing more is told of it. */
  forget(lease: string): void;
};

/**
 * Forgets by itself what no worker asked after for as long as a renewal is good: workers vanish without a word. One that comes back after
 * all hears how its lease stands with its next renewal.
 */
export function createTold(): Told {
  /** When each was told, the longest ago first. */
  const watched = new Map<string, number>();

  return {
    has: (lease) => watched.has(lease),
    note(lease, watch, now) {
      watched.delete(lease);
      if (watch) watched.set(lease, now);
      for (const [old, at] of watched) {
        if (now - at <= RENEWAL_MS) break;
        watched.delete(old);
      }
    },
    forget(lease) {
      watched.delete(lease);
    },
  };
}
