/** Deliveries under way beside the running tasks; bounded, so that a fast producer waits for a slow line. */
export type Deliveries = {
  /** Begins one; resolves as soon as there is room for another. */
  add(run: () => Promise<void>): Promise<void>;
  /** Waits for all. */
  settled(): Promise<void>;
};

export function createDeliveries(most: number): Deliveries {
  const running = new Set<Promise<void>>();
  return {
    async add(run) {
      const delivery = run().finally(() => running.delete(delivery));
      running.add(delivery);
      while (running.size >= most) await Promise.race(running);
    },
    async settled() {
      await Promise.all(running);
    },
  };
}
