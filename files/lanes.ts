import { UnreachableError } from "../contract/client.ts";
import { AnsweredError } from "../contract/errors.ts";

/**
 * How many transfers go at once on one line: two at first, more as long as that moves more bytes a second, half as many when the line or the
 * store fails. So a slow uplink that breaks has little under way to lose, and a fast one is filled.
 */
export type Lanes = {
  /** Waits for a lane; what it answers is to be called when the transfer is over. */
  enter(signal?: AbortSignal): Promise<(end: { bytes: number; error?: unknown }) => void>;
  readonly width: number;
};

export const MOST_LANES = 8;
const FIRST_LANES = 2;
/** A wider road has to carry so much more, or it is made as narrow as before. */
const WORTH_IT = 1.1;
/** What is judged: so long at least, and so many transfers of each lane, because each counts in the window in which it ends. */
const WINDOW_MS = 100;
const ENDED_PER_LANE = 4;
/** Windows without another attempt after one was of no use: twice as many each time, up to those after a break. */
const [LEAST_REST, MOST_REST] = [4, 32];

export function createLanes(now: () => number = () => performance.now()): Lanes {
  let width = FIRST_LANES;
  let inUse = 0;
  const waiting = new Set<() => void>();
  let window = { since: now(), bytes: 0, ended: 0 };
  let idle = true;
  /** How it was, with bytes a second, before the last lanes were opened. */
  let before: { width: number; rate: number } | undefined;
  /** Nothing is known of the line yet: lanes are doubled, then opened one by one. */
  let doubling = true;
  let rest = 0;
  let nextRest = LEAST_REST;
  let lastCut = Number.NEGATIVE_INFINITY;

  function begin(): void {
    window = { since: now(), bytes: 0, ended: 0 };
  }

  function admit(): void {
    for (const go of waiting) {
      if (inUse >= width) return;
      if (idle) {
        // Nothing moved until now: that says nothing about the line.
        idle = false;
        before = undefined;
        begin();
      }
      waiting.delete(go);
      inUse += 1;
      go();
    }
  }

  function measure(): void {
    const took = now() - window.since;
    if (took < WINDOW_MS || window.ended < ENDED_PER_LANE * width) return;
    const rate = window.bytes / took;
    begin();
    if (before && rate < before.rate * WORTH_IT) {
      width = before.width;
      before = undefined;
      doubling = false;
      rest = nextRest;
      nextRest = Math.min(MOST_REST, 2 * nextRest);
    } else if (rest > 0) {
      rest -= 1;
    } else if (width < MOST_LANES && waiting.size > 0) {
      if (before) nextRest = LEAST_REST;
      before = { width, rate };
      width = Math.min(MOST_LANES, doubling ? 2 * width : width + 1);
    } else before = undefined;
  }

  function narrow(): void {
    lastCut = now();
    width = Math.max(1, Math.floor(width / 2));
    before = undefined;
    doubling = false;
    rest = MOST_REST;
    begin();
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
        if (isTrouble(error) && enteredAt >= lastCut) narrow();
        else measure();
        admit();
        idle = inUse === 0;
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
