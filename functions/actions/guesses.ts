import { RendtError } from "../../contract/errors.ts";

/** So many wrong codes may come in a row, and then one for each of these spans. */
const BURST = 20;
const PER_GUESS_MS = 3000;

/** Holds those who guess to a pace: a bucket of wrong tries, which empties slowly. It is each process's own. */
export type Guesses = {
  /** Counts a try as wrong before it is looked at, so that many at once are no way around. */
  take(now: number): void;
  /** The try was right after all. */
  giveBack(): void;
};

export function createGuesses(): Guesses {
  let tried = 0;
  let asOf = 0;

  return {
    take(now) {
      tried = Math.max(0, tried - Math.max(0, now - asOf) / PER_GUESS_MS);
      asOf = now;
      if (tried > BURST - 1) {
        const retryAfterMs = Math.ceil((tried - BURST + 1) * PER_GUESS_MS);
        throw new RendtError("rate_limited", "too many wrong enrolment codes were tried here", { retryAfterMs });
      }
      tried += 1;
    },
    giveBack() {
      tried = Math.max(0, tried - 1);
    },
  };
}
