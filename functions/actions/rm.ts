import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { outputPrefix } from "../blobs/keys.ts";
import { tombstoneOf } from "../domain/job.ts";
import type { Job, Tombstone } from "../domain/records.ts";
import { sliceId } from "../store/keys.ts";
import type { Change } from "../store/port.ts";
import { retrying } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { meter } from "./metering.ts";
import { namedBlobs } from "./named-blobs.ts";
import { assertOwn } from "./own-job.ts";
import { toRefusal } from "./refusal.ts";

const MAX_UNDER_WAY = 16;
/** Below the 100 changes of a commit, and few enough that what is done in a Lambda's ten seconds stays done. */
const SLICES_AT_ONCE = 32;

/** Removes ended jobs with all that belongs to them; asking again for a day is nothing. */
export async function rm({ world, who }: Call, { ids }: ParsedRequestOf<"rm">): Promise<AnswerOf<"rm">> {
  const items = await mapAtMost(MAX_UNDER_WAY, ids, async (id) => {
    try {
      const [removed] = await world.store.get("tombstone", [id]);
      if (removed?.owner === who.account) await purge(world, removed);
      else await removeJob(world, id, (job) => assertOwn(job, who, id));
      return { id };
    } catch (error) {
      return { id, error: toRefusal(error) };
    }
  });
  return { items };
}

/** Puts a tombstone in the place of a final header, then removes the rest; the sweep does that again when the tombstone goes. */
export async function removeJob(world: World, id: string, check: (job: Job | undefined) => Job): Promise<void> {
  const removed = await retrying(`job ${id}`, async () => {
    const [found] = await world.store.get("job", [id]);
    const job = check(found);
    const tombstone = tombstoneOf(job, world.clock());
    if ("code" in tombstone) {
      throw new RendtError(tombstone.code === "needs_pages" ? "internal" : tombstone.code, tombstone.message);
    }
    const committed = await world.store.commit([
      { kind: "job", remove: id, expect: job.version },
      { kind: "tombstone", put: tombstone, expect: "absent" },
      ...(await meter(world, job.owner, { job }, {})),
    ]);
    return committed === "conflict" ? "conflict" : { value: tombstone };
  });
  world.doorbell.ring(`job:${id}`);
  await purge(world, removed);
}

/**
 * What a removed job left: outputs and logs, slices, documents and live pieces of logs. In this order, piece by piece, so that whatever cuts
 * it the next try goes on from there. Its inputs are shared with other jobs and go by their month (docs/adr/0016-removal-by-name.md).
 */
export async function purge(world: World, { id, owner, slices = 0, named }: Tombstone): Promise<void> {
  const { store, blobs } = world;
  await blobs.remove(outputPrefix(id), namedBlobs(store, id, { pages: [], done: [], ...named }));
  for (let from = 0; from < slices; from += SLICES_AT_ONCE) {
    const ids = Array.from({ length: Math.min(SLICES_AT_ONCE, slices - from) }, (_, at) => sliceId(id, from + at));
    const found = (await store.get("slice", ids)).filter((slice) => slice !== undefined);
    if (found.length === 0) continue;
    for (const { pages = [], done } of found) {
      await blobs.remove(outputPrefix(id), namedBlobs(store, id, { pages, done }));
    }
    await store.commit([
      ...found.map(({ number, version }): Change => ({ kind: "slice", remove: sliceId(id, number), expect: version })),
      ...(await meter(world, owner, { slices: found }, {})),
    ]);
  }
  await store.removeBelongings(id);
}
