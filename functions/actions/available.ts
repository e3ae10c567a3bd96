import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { sizeOf } from "../domain/ranges.ts";
import type { SliceKey } from "../store/port.ts";
import { loadSlice } from "./apply.ts";
import type { Call, World } from "./call.ts";
import { ownQueue } from "./queue.ts";
import { isQueueInScope } from "./scopes.ts";

/** Jobs in the queue of the worker's account that could be claimed now, soonest first; nothing is locked. */
export async function available(
  { world, who }: Call,
  { limit }: ParsedRequestOf<"available">,
): Promise<AnswerOf<"available">> {
  const queue = ownQueue(who.account);
  if (!isQueueInScope(who, queue)) return { items: [] };
  const counts = new Map<string, number>();
  const classes = await world.store.listClasses(queue);
  for await (const key of claimableIn(world, { queue, classes })) {
    if (!counts.has(key.job) && counts.size === limit) break;
    const open = (await loadSlice(world.store, key))?.slice.open ?? [];
    const count = open.reduce((sum, range) => sum + (range.notBefore === undefined ? sizeOf(range) : 0), 0);
    if (count > 0) counts.set(key.job, (counts.get(key.job) ?? 0) + count);
  }
  return { items: [...counts].map(([id, count]) => ({ id, count })) };
}

async function* claimableIn({ store }: World, place: { queue: string; classes: string[] }): AsyncGenerator<SliceKey> {
  let cursor: string | undefined;
  do {
    const page = await store.findClaimable(place, { limit: 100, ...(cursor !== undefined && { cursor }) });
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}
