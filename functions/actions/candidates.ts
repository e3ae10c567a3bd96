import { misfits } from "../domain/match.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { sliceId } from "../store/keys.ts";
import type { SliceKey } from "../store/port.ts";
import type { World } from "./call.ts";

/** Slices read at once, and at most for one claim: past so many that were taken or avoided the worker comes back later. */
const LEAST_PAGE = 8;
const MOST_PAGES = 8;

export const nameOf = ({ job, number }: SliceKey): string => (number === undefined ? job : sliceId(job, number));

/**
 * Slices that a worker may claim, soonest first within each class of each queue. Those that another claim of this process is at work on
 * come last, and of a window that many claimers read each begins at random: else all would want the same one.
 */
export async function* candidates(
  world: World,
  { worker, queues }: { worker: WorkerRecord; queues: readonly string[] },
  wanted: number,
): AsyncGenerator<SliceKey> {
  const { store, busy, random } = world;
  const limit = Math.max(LEAST_PAGE, store.claimWindow, wanted);
  for (const queue of queues) {
    for (const name of await store.listClasses(queue)) {
      if (misfits(name, worker).length > 0) continue;
      let cursor: string | undefined;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const found = await store.findClaimable(
          { queue, class: name },
          { limit, ...(cursor !== undefined && { cursor }) },
        );
        const keys = rotated(found.items, Math.min(store.claimWindow, found.items.length), random);
        yield* keys.filter((key) => !busy.has(nameOf(key)));
        yield* keys.filter((key) => busy.has(nameOf(key)));
        cursor = found.next;
        if (cursor === undefined) break;
      }
    }
  }
}

function rotated<T>(items: readonly T[], window: number, random: World["random"]): readonly T[] {
  if (window < 2) return items;
  const [first = 0, second = 0] = random(2);
  const begin = ((first << 8) | second) % window;
  return [...items.slice(begin, window), ...items.slice(0, begin), ...items.slice(window)];
}
