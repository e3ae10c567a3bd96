import type { Call } from "./call.ts";

/**
 * Looks, and looks again each time one of the topics rings, until there is something to answer, `waitMs` is over, or nobody waits any
 * more. It listens before it looks, so that nothing rings unheard in between. `restMs`: how long it rests after a ring, where looking is dear.
 */
export async function lookUntil<T>(
  { world, gone }: Pick<Call, "world" | "gone">,
  {
    topics,
    waitMs,
    restMs = () => 0,
  }: { topics: readonly string[]; waitMs: number | undefined; restMs?: () => number },
  look: () => Promise<{ value: T; enough: boolean }>,
): Promise<{ value: T; enough: boolean }> {
  if (!waitMs || !world.doorbell.holds) return look();
  const until = world.clock() + waitMs;
  const bell = world.doorbell.listen(topics);
  try {
    for (;;) {
      const found = await look();
      if (found.enough || !(await bell.rung(until - world.clock(), gone()))) return found;
      if (restMs() > 0) await world.doorbell.listen([]).rung(restMs(), gone());
    }
  } finally {
    bell.close();
  }
}
