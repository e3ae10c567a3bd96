import { RendtError } from "../contract/errors.ts";
import { sleep } from "../contract/retry.ts";

const BASE_MS = 100;
const CAP_MS = 60_000;

export type BackOff = {
  /** A random time below a bound that doubles with each failure up to a minute (full jitter). */
  nextMs(): number;
  /** Waits before the next try, as long as the server asked for, if it did. */
  wait(error: unknown, signal: AbortSignal): Promise<void>;
  reset(): void;
};

/** A worker never gives up on its server, so this has no number of tries (contract/retry.ts has). */
export function createBackOff(random: () => number = Math.random): BackOff {
  let failures = 0;
  const backOff: BackOff = {
    nextMs() {
      const bound = Math.min(CAP_MS, BASE_MS * 2 ** failures);
      failures += 1;
      return random() * bound;
    },
    wait(error, signal) {
      const ms = backOff.nextMs();
      const asked = error instanceof RendtError ? error.retryAfterMs : undefined;
      return sleep(asked === undefined ? ms : Math.min(asked, CAP_MS) + random() * BASE_MS, signal);
    },
    reset() {
      failures = 0;
    },
  };
  return backOff;
}
