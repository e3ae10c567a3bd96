import { type CallOptions, type Client, UnreachableError } from "./client.ts";
import { AnsweredError } from "./errors.ts";
import { OPERATIONS, type Operation } from "./operations.ts";

/** How long to keep trying. Waits grow from `baseMs` by doubling up to `capMs`, each drawn evenly from zero to that (full jitter). */
export type RetryPolicy = {
  tries: number;
  baseMs: number;
  capMs: number;
  /** A Retry-After longer than this is not waited for: the error goes to the caller. */
  maxRetryAfterMs: number;
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  random: () => number;
  /** Hears of each failure that will be tried again. */
  onRetry?: (error: unknown, waitMs: number) => void;
};

/** About 20 s of trying on average: a server's restart or a short outage passes unnoticed. */
export const DEFAULT_POLICY: RetryPolicy = {
  tries: 10,
  baseMs: 100,
  capMs: 8_000,
  maxRetryAfterMs: 60_000,
  sleep,
  random: Math.random,
};

/** Whether the same request may succeed later. `repeatable`: sending it twice does no harm. The one place that knows. */
export function isWorthRetry(error: unknown, { repeatable }: { repeatable: boolean }): boolean {
  if (error instanceof UnreachableError) return error.retryable && (repeatable || !error.sent);
  // What this program refuses itself (a file that changed, a body too large) would be refused again.
  if (!(error instanceof AnsweredError) || !error.retryable) return false;
  // A refusal had no effect, but a gateway that gave up may stand before a server that did the work.
  return repeatable || error.status < 500;
}

/**
 * Runs something until it succeeds, fails for good, or the policy gives up; the last error is thrown. An abort ends a wait at once.
 *
 * @example
 * const answer = await withRetry(() => client.get({ ids }), { ...DEFAULT_POLICY, repeatable: true, signal });
 */
export async function withRetry<T>(
  run: (attempt: number) => Promise<T>,
  policy: RetryPolicy & { repeatable: boolean; signal?: AbortSignal | undefined },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt);
    } catch (error) {
      await pauseBeforeRetry(error, { ...policy, attempt });
    }
  }
}

/** Waits as long as the policy says after the failure of a try, or throws that failure when it is final. */
export async function pauseBeforeRetry(
  error: unknown,
  policy: RetryPolicy & { attempt: number; repeatable: boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  policy.signal?.throwIfAborted();
  const waitMs = waitAfter(policy.attempt, error, policy);
  if (policy.attempt >= policy.tries || !isWorthRetry(error, policy) || waitMs === undefined) throw error;
  policy.onRetry?.(error, waitMs);
  await policy.sleep(waitMs, policy.signal);
}

/** The same client, which tries again what is worth it and does no harm. */
export function createRetryingClient(client: Client, policy: RetryPolicy = DEFAULT_POLICY): Client {
  const calls = Object.entries(client).map(([name, call]) => {
    const { repeatable }: Operation = OPERATIONS[name as keyof Client];
    const send = call as (request?: object, options?: CallOptions) => Promise<unknown>;
    const retried = (request?: object, options?: CallOptions) =>
      withRetry(() => send(request, options), { ...policy, repeatable, signal: options?.signal });
    return [name, retried];
  });
  return Object.fromEntries(calls) as Client;
}

/** Retry-After wins, with a little jitter on top so that not everybody comes back in the same instant. */
function waitAfter(attempt: number, error: unknown, policy: RetryPolicy): number | undefined {
  const cap = Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
  const asked = error instanceof AnsweredError ? error.retryAfterMs : undefined;
  if (asked === undefined) return policy.random() * cap;
  return asked > policy.maxRetryAfterMs ? undefined : asked + policy.random() * policy.baseMs;
}

/** Resolves after `ms`; throws the signal's reason when that aborts first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
