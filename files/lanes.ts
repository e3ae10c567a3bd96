import { UnreachableError } from "../contract/client.ts";
import { AnsweredError } from "../contract/errors.ts";

/**
 * How many transfers go at once on one line. It widens by one as long as that moves more bytes a second, and halves when the line or the
 * store fails: so a slow uplink that breaks has little under way to lose, and a fast one is filled.
 */
export type Lanes = {
  /** Waits for a lane; what it answers is to be called when the transfer is over. */
  enter(signal?: AbortSignal): Promise<(end: { bytes: number; error?: unknown }) => void>;
  readonly width: number;
};

export const MOST_LANES = 8;
const FIRST_LANES = 3;
/** A wider road has to carry so much more, or the lane is closed again. */
const WORTH_IT = 1.1;
const WINDOW_MS = 1000;
/** Windows without another attempt after one was of no use. */
const REST_WINDOWS = 10;

export function createLanes(now: () => number = () => performance.now()): Lanes {
  let width = FIRST_LANES;
  let inUse = 0;
  const waiting = new Set<() => void>();
  let window = { since: now(), bytes: 0, ended: 0 };
  /** Bytes a second before the last lane was opened. */
  let before: number | undefined;
  let rest = 0;
  let lastCut = Number.NEGATIVE_INFINITY;

  function admit(): void {
    for (const go of waiting) {
      if (inUse >= width) return;
      if (inUse === 0) {
        // Nothing moved until now: that says nothing about the line.
        window = { since: now(), bytes: 0, ended: 0 };
        before = undefined;
      }
      waiting.delete(go);
      inUse += 1;
      go();
    }
  }

  function measure(): void {
    const took = now() - window.since;
    if (took < WINDOW_MS || window.ended < width) return;
    const rate = window.bytes / took;
    window = { since: now(), bytes: 0, ended: 0 };
    if (before !== undefined && rate < before * WORTH_IT) {
      width = Math.max(1, width - 1);
      before = undefined;
      rest = REST_WINDOWS;
    } else if (rest > 0) {
      rest -= 1;
    } else if (width < MOST_LANES && waiting.size > 0) {
      before = rate;
      width += 1;
    }
  }

  return {
    get width() {
      return width;
    },
    async enter(signal) {
      await turn(signal, waiting, admit);
      const enteredAt = now();
      let over = false;
      return ({ bytes, error }) => {
        if (over) return;
        over = true;
        inUse -= 1;
        window.bytes += bytes;
        window.ended += 1;
        // One break ends all that are under way: it counts once.
        if (isTrouble(error) && enteredAt >= lastCut) {
          lastCut = now();
          width = Math.max(1, Math.floor(width / 2));
          before = undefined;
          rest = 0;
          window = { since: now(), bytes: 0, ended: 0 };
        } else measure();
        admit();
      };
    },
  };
}

function turn(signal: AbortSignal | undefined, waiting: Set<() => void>, admit: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const leave = () => {
      waiting.delete(go);
      reject(signal?.reason);
    };
    const go = () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    };
    signal?.addEventListener("abort", leave, { once: true });
    waiting.add(go);
    admit();
  });
}

/** The line's or the store's, as against a refusal of this one request. */
const isTrouble = (error: unknown): boolean =>
  error instanceof UnreachableError ||
  (error instanceof AnsweredError && (error.status === 429 || error.status >= 500));
