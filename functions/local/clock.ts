import { nowOf } from "../domain/time.ts";

/** The server's time (lifecycle.md, rule 1), which goes on where the last server of this folder stopped. */
export function createClock(read: () => number, lastNow: number): () => number {
  let last = lastNow;
  return () => {
    last = nowOf(read(), last);
    return last;
  };
}
