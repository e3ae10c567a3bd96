import { misfits } from "../domain/match.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { sliceId } from "../store/keys.ts";
import type { SliceKey } from "../store/port.ts";
import type { World } from "./call.ts";

/** Slices read at once, and at most for one claim: past so many that were taken or avoided the worker comes back later. */
const LEAST_PAGE = 8;
const MOST_PAGES = 8;

export const nameOf = ({ job, number }: SliceKey): string => (number === undefined ? job : sliceId(job, number));

/** What one claim has tried, and whether the last candidate was somebody else's: then the page is old, and so are the others on it. */
export type Search = { tried: Set<string>; stale: boolean };

/**
 * Slices that a worker may claim, soonest first within each class of each queue. Those that another claim of this process is at work on
 * come last. A window that many claimers read is tried in random order, and read again when it was too old: else all would want the same
 * one, and after it the next.
 */
export async function* candidates(
  world: World,
  { worker, queues, search }: { worker: WorkerRecord; queues: readonly string[]; search: Search },
  wanted: number,
): AsyncGenerator<SliceKey> {
  const { store, busy, random } = world;
  const limit = Math.max(LEAST_PAGE, store.claimWindow, wanted);
  const isFree = (key: SliceKey) => !busy.has(nameOf(key));
  for (const queue of queues) {
    for (const name of await store.listClasses(queue)) {
      if (misfits(name, worker).length > 0) continue;
      let cursor: string | undefined;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const found = await store.findClaimable(
          { queue, class: name },
          { limit, ...(cursor !== undefined && { cursor }) },
        );
        const keys = shuffled(found.items, Math.min(store.claimWindow, found.items.length), random);
        const fresh = keys.filter((key) => !search.tried.has(nameOf(key)));
        search.stale = false;
        const isOld = () => search.stale && store.claimWindow > 1;
        for (const key of [...fresh.filter(isFree), ...fresh.filter((key) => !isFree(key))]) {
          search.tried.add(nameOf(key));
          yield key;
          if (isOld()) break;
        }
        if (isOld()) continue;
        cursor = found.next;
        if (cursor === undefined) break;
      }
    }
  }
}

/** The first `window` items in random order, then the rest. */
function shuffled<T>(items: readonly T[], window: number, random: World["random"]): readonly T[] {
  if (window < 2) return items;
  const chances = random(2 * window);
  const chanceOf = (at: number) => (chances[2 * at] ?? 0) * 256 + (chances[2 * at + 1] ?? 0);
  const first = items.slice(0, window).map((item, at) => ({ item, chance: chanceOf(at) }));
  first.sort((a, b) => a.chance - b.chance);
  return [...first.map(({ item }) => item), ...items.slice(window)];
}
