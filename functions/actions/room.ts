import type { Free } from "../../contract/worker.ts";
import { readDemand, type Size } from "../domain/demand.ts";
import { countThatFits, shortOf, without } from "../domain/match.ts";

/** So much later in the order of the queue a job may be and still pass one that finds no room yet. */
const PATIENCE_MS = 60_000;

/**
 * What is left of a worker while one claim looks for work. A job that the worker could take if less ran there keeps its place: what
 * comes long after it gets nothing of what it waits for, so that a stream of small jobs can't hold up a large one for ever. Disk is not kept:
 * it does not come back with the end of what runs.
 */
export type Room = {
  /** Whether a task of this demand and order may be had now; if it only lacks room, what it lacks is kept for it. */
  admits(demand: string, order: number): boolean;
  /** Promises room to up to `count` leases. */
  promise(demand: string, count: number): Share;
};

/** Room for so many leases; `keep` gives back what is beyond those that came of it. */
export type Share = { readonly count: number; keep(count: number): void };

/** `free`: what the worker says is left; one that does not say looks for itself. */
export function createRoom(free: Free | undefined): Room {
  if (!free) return { admits: () => true, promise: (_, count) => ({ count, keep: () => undefined }) };
  let left = free;
  const waiting: { order: number; short: readonly Size[] }[] = [];
  return {
    admits(demand, order) {
      const { sizes } = readDemand(demand);
      if (waiting.some((one) => order > one.order + PATIENCE_MS && one.short.some((size) => sizes[size] > 0)))
        return false;
      const short = shortOf(demand, left);
      if (short.length > 0 && !short.includes("disk")) waiting.push({ order, short });
      return short.length === 0;
    },
    promise(demand, most) {
      const count = countThatFits(demand, left, most);
      let held = 0;
      const keep = (wanted: number) => {
        left = without(left, demand, wanted - held);
        held = wanted;
      };
      keep(count);
      return { count, keep };
    },
  };
}
