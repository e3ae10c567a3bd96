/**
 * Does something with each item, at most `limit` at once. The first failure is thrown after those under way have ended; they are told by
 * the signal that they are given.
 */
export async function forEachParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  options: { limit: number; signal?: AbortSignal | undefined },
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const broken = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, broken.signal]) : broken.signal;
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    broken.abort(error);
  };
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      const task = run(item, signal)
        .catch(fail)
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= options.limit) await Promise.race(running);
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  options.signal?.throwIfAborted();
}

/** Yields what `run` makes of each item, in order, while up to `limit` of the following are already under way. */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  limit: number,
  run: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const ahead: Promise<R>[] = [];
  try {
    for (const item of items) {
      const next = run(item);
      // A later one may fail while an earlier one is awaited; its turn comes.
      next.catch(() => undefined);
      ahead.push(next);
      if (ahead.length >= limit) yield await shifted(ahead);
    }
    while (ahead.length > 0) yield await shifted(ahead);
  } finally {
    await Promise.allSettled(ahead);
  }
}

function shifted<R>(queue: Promise<R>[]): Promise<R> {
  const first = queue.shift();
  if (!first) throw new Error("the queue is empty");
  return first;
}
