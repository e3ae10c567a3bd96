import { sleep } from "../contract/retry.ts";

/** A bound on bytes a second, shared by all transfers that are given it. */
export type Rate = {
  /** As much as is asked for at a time by whoever can't hold back what was asked for. */
  readonly askBytes: number;
  /** Waits until so many bytes may move. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
  /** The same bytes in pieces small enough to be spread evenly, each when its turn has come. */
  pace<B extends Uint8Array>(pieces: AsyncIterable<B>, signal?: AbortSignal): AsyncGenerator<B>;
};

export type Clock = { now: () => number; sleep: typeof sleep };
const CLOCK: Clock = { now: () => performance.now(), sleep };

/** What may be caught up after a moment in which nobody sent, or in which this process came late. */
const BURST_MS = 250;
const PIECES_A_SECOND = 16;
const ASKS_A_SECOND = 2;
const [LEAST_ASK_BYTES, MOST_ASK_BYTES] = [64 * 1024, 32 * 1024 * 1024];
const [LEAST_PIECE_BYTES, MOST_PIECE_BYTES] = [1024, 256 * 1024];

/**
 * A token bucket, kept as the time at which all that was given away will have been paid for: whoever takes waits until then, so those who
 * wait are served in turn.
 */
export function createRate(bytesPerSecond: number, clock: Clock = CLOCK): Rate {
  const within = (least: number, bytes: number, most: number) => Math.min(most, Math.max(least, Math.round(bytes)));
  const pieceBytes = within(LEAST_PIECE_BYTES, bytesPerSecond / PIECES_A_SECOND, MOST_PIECE_BYTES);
  let paidAt = clock.now();

  async function take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = clock.now();
    paidAt = Math.max(paidAt, now - BURST_MS) + (bytes / bytesPerSecond) * 1000;
    if (paidAt > now) await clock.sleep(paidAt - now, signal);
  }

  return {
    askBytes: within(LEAST_ASK_BYTES, bytesPerSecond / ASKS_A_SECOND, MOST_ASK_BYTES),
    take,
    async *pace(pieces, signal) {
      for await (const piece of pieces) {
        for (let at = 0; at < piece.length; at += pieceBytes) {
          const next = piece.subarray(at, at + pieceBytes) as typeof piece;
          await take(next.length, signal);
          yield next;
        }
      }
    },
  };
}
