/** A worker that wants more begins its next question sooner than this after the last. */
const PAUSE_MS = 5_000;

/** Which workers hold a question for work open at this process, or have just had one answered. */
export type Askers = {
  during<T>(worker: string, answer: () => Promise<T>): Promise<T>;
  isAsking(worker: string): boolean;
};

export function createAskers(clock: () => number): Askers {
  const asked = new Map<string, { open: number; endedAt: number }>();
  const isLate = (endedAt: number) => Math.abs(clock() - endedAt) > PAUSE_MS;
  return {
    async during(worker, answer) {
      for (const [id, { open, endedAt }] of asked) if (open === 0 && isLate(endedAt)) asked.delete(id);
      const entry = asked.get(worker) ?? { open: 0, endedAt: 0 };
      asked.set(worker, entry);
      entry.open += 1;
      try {
        return await answer();
      } finally {
        entry.open -= 1;
        entry.endedAt = clock();
      }
    },
    isAsking(worker) {
      const entry = asked.get(worker);
      return entry !== undefined && (entry.open > 0 || !isLate(entry.endedAt));
    },
  };
}
