import { RendtError } from "../contract/errors.ts";
import { sleep } from "../contract/retry.ts";

const BASE_MS = 100;
const CAP_MS = 60_000;

export type BackOff = {
  /** Waits before the next try: as long as the server asked for, else a random time below a bound that doubles up to a minute. */
  wait(error: unknown, signal: AbortSignal): Promise<void>;
  reset(): void;
};

/** A worker never gives up on its server, so this has no number of tries (contract/retry.ts has). */
export function createBackOff(random: () => number = Math.random): BackOff {
  let failures = 0;
  return {
    wait(error, signal) {
      const bound = Math.min(CAP_MS, BASE_MS * 2 ** failures);
      failures += 1;
      const asked = error instanceof RendtError ? error.retryAfterMs : undefined;
      return sleep(asked === undefined ? random() * bound : Math.min(asked, CAP_MS) + random() * BASE_MS, signal);
    },
    reset() {
      failures = 0;
    },
  };
}
