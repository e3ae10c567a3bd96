import { PINS, pinOf } from "../domain/demand.ts";
import { unservedSince } from "../domain/unserved.ts";
import type { SliceKey } from "../store/port.ts";
import { loadSlice } from "./apply.ts";
import type { World } from "./call.ts";
import { ownerOf } from "./queue.ts";

/**
 * How long the next job of a queue has waited for a worker, the longest of all queues and classes. Only who is next is looked at: while
 * that one is taken, the others of its class move up.
 */
export async function oldestWaitingMs(world: World): Promise<number> {
  const { store, clock } = world;
  let oldest = 0;
  for (const queue of await store.listQueues()) {
    for (const name of await classesIn(world, queue)) {
      const next = await store.findNext({ queue, class: name });
      if (next) oldest = Math.max(oldest, clock() - ((await waitsSince(world, next)) ?? clock()));
    }
  }
  return oldest;
}

/** Jobs that only one worker may take wait in a class of its own, which is found by asking for each worker of the account. */
async function classesIn({ store, fleet }: World, queue: string): Promise<string[]> {
  const listed = await store.listClasses(queue);
  const owner = ownerOf(queue);
  if (!listed.includes(PINS) || owner === undefined) return listed;
  const { items } = await fleet.of(owner);
  return [...listed.filter((name) => name !== PINS), ...items.map(({ id }) => pinOf(id))];
}

async function waitsSince(world: World, key: SliceKey): Promise<number | undefined> {
  const loaded = await loadSlice(world.store, key);
  const job = loaded?.job ?? (await world.store.get("job", [key.job]))[0];
  // The index may lag behind: it is taken, or gone.
  if (!loaded || !job) return undefined;
  return unservedSince(loaded.slice, (await world.specs.read(job)).delayMs);
}
