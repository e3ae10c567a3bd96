import { PINS, pinOf } from "../domain/demand.ts";
import { fits } from "../domain/match.ts";
import type { WorkerRecord } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import { sliceId } from "../store/keys.ts";
import type { Claimable, SliceKey } from "../store/port.ts";
import type { World } from "./call.ts";
import { PUBLIC } from "./queue.ts";
import type { Room } from "./room.ts";
import { placeInQueue, suits } from "./terms.ts";

/** Slices read at once, and at most for one claim: past so many that were taken or avoided the worker comes back later. */
const LEAST_PAGE = 8;
const MOST_PAGES = 8;
/** Of what pays too little, where each claim goes on behind the one before. */
const TURN_PAGE = 64;
const MOST_TURNS = 1000;

export const nameOf = ({ job, number }: SliceKey): string => (number === undefined ? job : sliceId(job, number));

/** What one claim has tried, and whether the last candidate was somebody else's: then the page is old, and so are the others on it. */
export type Search = { tried: Set<string>; stale: boolean };

/**
 * Slices that a worker may claim, soonest first within each queue, whatever their class. Those that another claim of this process is at work
 * on come last. A window that many claimers read is tried in random order, and read again when it was too old: else all would want the same
 * one, and after it the next.
 */
export async function* candidates(
  world: World,
  { worker, queues, room, search }: { worker: WorkerRecord; queues: readonly string[]; room: Room; search: Search },
  wanted: number,
): AsyncGenerator<Claimable> {
  const { store, busy, random, unsuited, turns } = world;
  const least = Math.max(LEAST_PAGE, store.claimWindow, wanted);
  const isFree = (key: SliceKey) => !busy.has(nameOf(key));
  const isPromising = (key: Claimable) => {
    const terms = unsuited.get(placeInQueue(key));
    return !search.tried.has(nameOf(key)) && (!terms || suits(worker, terms));
  };
  for await (const { queue, inTurn, ...place } of placesFor(store, queues, worker)) {
    let { classes } = place;
    const [mostPages, limit] = inTurn ? [1, Math.max(TURN_PAGE, wanted)] : [MOST_PAGES, least];
    let cursor = inTurn ? turns.get(worker.id) : undefined;
    for (let pages = 0; pages < mostPages && classes.length > 0; ) {
      const before = classes;
      const found = await store.findClaimable({ queue, classes }, { limit, ...(cursor !== undefined && { cursor }) });
      const items = shuffled(found.items, Math.min(store.claimWindow, found.items.length), random);
      const fresh = items.filter(isPromising);
      search.stale = false;
      const isOld = () => search.stale && store.claimWindow > 1;
      for (const item of [...fresh.filter(isFree), ...fresh.filter((key) => !isFree(key))]) {
        // What comes later in the class finds no room either.
        if (!room.admits(item.class, item.order)) classes = classes.filter((name) => name !== item.class);
        else {
          search.tried.add(nameOf(item));
          yield item;
          if (isOld()) break;
        }
      }
      if (classes === before) pages += 1;
      if (isOld()) continue;
      cursor = found.next;
      if (inTurn) noteTurn(turns, worker.id, cursor);
      if (cursor === undefined) break;
    }
  }
}

type Place = { queue: string; classes: readonly string[]; inTurn?: boolean };

/**
 * The classes that hold work for this worker, if it had all of its room, queue by queue. Those of `public` that pay strangers too little come after
 * the others: its own account's jobs stand there among those of strangers, which may be many, so that each claim reads one page of them, in turn.
 */
async function* placesFor(
  { listClasses }: Pick<World["store"], "listClasses">,
  queues: readonly string[],
  worker: WorkerRecord,
): AsyncGenerator<Place> {
  for (const queue of queues) {
    const listed = await listClasses(queue);
    const names = listed.map((name) => (name === PINS ? pinOf(worker.id) : name));
    const own = names.filter((name) => fits(name, worker, worker.account));
    if (queue !== PUBLIC) yield { queue, classes: own };
    else {
      const paying = names.filter((name) => fits(name, worker));
      yield { queue, classes: paying };
      yield { queue, classes: own.filter((name) => !paying.includes(name)), inTurn: true };
    }
  }
}

/** Where the next claim of this worker goes on; from the beginning after the last page. */
function noteTurn(turns: Map<string, string>, worker: string, next: string | undefined): void {
  if (next === undefined) turns.delete(worker);
  else remember(turns, worker, next, MOST_TURNS);
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
