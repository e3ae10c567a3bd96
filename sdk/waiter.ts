import type { Client } from "../contract/client.ts";
import { RendtError } from "../contract/errors.ts";
import { ENDED, type JobView } from "../contract/job.ts";
import { MAX_GET_JOBS, MAX_WAIT_MS } from "../contract/limits.ts";
import { sleep } from "../contract/retry.ts";

/** Waits for the ends of jobs. Many that wait share few requests; one that waits alone is asked for at once. */
export type Waiter = { wait(id: string, signal?: AbortSignal): Promise<JobView> };

type Waiting = { resolve: (job: JobView) => void; reject: (error: unknown) => void };
type Poll = { ids: string[]; stop: AbortController };

/** From here on a request is joined with a new one instead of adding it. Below, each costs less than breaking off another. */
const MAX_POLLS = 32;
/** A server that answers at once (the cloud's never holds a request) is asked again no sooner. */
const REST_MS = 1000;

export function createWaiter(client: Pick<Client, "get">): Waiter {
  const waiting = new Map<string, Set<Waiting>>();
  const polls = new Set<Poll>();
  let fresh: string[] = [];

  /** All that began to wait in this turn of the event loop are asked for together. */
  function ask(id: string): void {
    fresh.push(id);
    if (fresh.length === 1) queueMicrotask(start);
  }

  function start(): void {
    let ids = fresh.filter((id) => waiting.has(id));
    fresh = [];
    if (polls.size >= MAX_POLLS) {
      const roomy = [...polls].sort((a, b) => a.ids.length - b.ids.length)[0];
      if (roomy && roomy.ids.length < MAX_GET_JOBS) {
        polls.delete(roomy);
        roomy.stop.abort();
        ids = [...ids, ...roomy.ids.filter((id) => waiting.has(id))];
      }
    }
    for (let at = 0; at < ids.length; at += MAX_GET_JOBS) void run(ids.slice(at, at + MAX_GET_JOBS));
  }

  async function run(ids: string[]): Promise<void> {
    const poll = { ids, stop: new AbortController() };
    polls.add(poll);
    try {
      while (poll.ids.length > 0) {
        const began = performance.now();
        const request = { ids: poll.ids, wait: MAX_WAIT_MS, until: "ended" } as const;
        const { items, retryAfterMs } = await client.get(request, { signal: poll.stop.signal });
        const settled = items.filter(settle).length;
        poll.ids = poll.ids.filter((id) => waiting.has(id));
        const rest = retryAfterMs ?? (performance.now() - began < REST_MS ? REST_MS : 0);
        if (settled === 0 && poll.ids.length > 0) await sleep(rest, poll.stop.signal);
      }
    } catch (error) {
      // Joined with another poll, or nobody waits any more.
      if (poll.stop.signal.aborted) return;
      for (const id of poll.ids) end(id, (one) => one.reject(error));
    } finally {
      polls.delete(poll);
    }
  }

  function settle(item: JobView | { id: string; missing: true }): boolean {
    if (!("status" in item)) {
      end(item.id, (one) => one.reject(new RendtError("not_found", `there is no job ${item.id}`)));
      return true;
    }
    const job = item as JobView;
    if (!ENDED.has(job.status)) return false;
    end(job.id, (one) => one.resolve(job));
    return true;
  }

  function end(id: string, tell: (one: Waiting) => void): void {
    const all = waiting.get(id) ?? [];
    waiting.delete(id);
    for (const one of all) tell(one);
  }

  function leave(id: string, one: Waiting): void {
    const all = waiting.get(id);
    all?.delete(one);
    if (all?.size !== 0) return;
    waiting.delete(id);
    // The last one that waited is gone: its request need not go on.
    for (const poll of polls) if (poll.ids.every((other) => !waiting.has(other))) poll.stop.abort();
  }

  return {
    wait(id, given) {
      // One of our own: a signal that many waits share would warn of a leak at the eleventh listener.
      const signal = given && AbortSignal.any([given]);
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const stop = () => {
          leave(id, one);
          reject(signal?.reason);
        };
        const done =
          <T>(tell: (value: T) => void) =>
          (value: T) => {
            signal?.removeEventListener("abort", stop);
            tell(value);
          };
        const one: Waiting = { resolve: done(resolve), reject: done(reject) };
        signal?.addEventListener("abort", stop, { once: true });
        const known = waiting.get(id);
        if (known) return void known.add(one);
        waiting.set(id, new Set([one]));
        ask(id);
      });
    },
  };
}
