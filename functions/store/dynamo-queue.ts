import type * as z from "zod";
import { isPin, PINS } from "../domain/demand.ts";
import { remember } from "../domain/remember.ts";
import { createDirectory } from "./dynamo-directory.ts";
import { classesOf, type parts, QUEUES, queuePartition, recordKey } from "./dynamo-items.ts";
import { type Reach, readIndex } from "./dynamo-read.ts";
import { INDEX_BY_QUEUE } from "./keys.ts";
import { readCursor, toPage } from "./page.ts";
import { familyOf, mergeClasses, type QueueEntry, readQueuePlace } from "./places.ts";
import type { Store } from "./port.ts";
import { CLASS_NOTED_FOR_MS, createQuiet, LONG_COMMIT_MS, type Noted } from "./quiet.ts";
import type { Write } from "./record.ts";

const QUEUE_NOTED_FOR_MS = 15 * 60_000;
/** What is believed to be empty is looked at again after so long, and what waits is noted again. */
const LOOK_AGAIN_MS = 5 * 60_000;

type Place = { queue: string; class: string };

/** What waits in queues: the index of it, and the directories that tell which of its partitions may hold something. */
export function createQueues(reach: Reach, clock: () => number) {
  const queues = createDirectory(reach, { clock, notedForMs: QUEUE_NOTED_FOR_MS });
  const classes = createDirectory(reach, { clock, notedForMs: CLASS_NOTED_FOR_MS });
  const quiet = createQuiet(clock);
  const standing = new Map<string, { version: number; place: string }>();

  /** A record was read: whoever writes it back to the same place puts nothing new there. */
  function saw({ pk, version, qpk, qsk }: z.infer<typeof parts.record>): void {
    if (qpk === undefined || qsk === undefined) return;
    remember(standing, pk, { version, place: placeKey(qpk, qsk) });
  }

  function entered({ kind, id, expect, put }: Write): Place[] {
    const place = put?.places.queue;
    if (!place) return [];
    const last = standing.get(recordKey(kind, id).pk.S);
    const stays = last?.version === expect && last.place === placeKey(queuePartition(place), place.sort);
    return stays ? [] : [place];
  }

  async function noteAll(places: readonly Place[], forMs?: number): Promise<void> {
    await Promise.all(
      places.flatMap((place) => {
        quiet.touched(notedAs(place).entry);
        return [queues.note(QUEUES, place.queue), noteClass(place, forMs)];
      }),
    );
  }

  const noteClass = ({ queue, class: name }: Place, forMs?: number) =>
    classes.note(classesOf(queue), familyOf(name), forMs);

  async function look(
    place: Place,
    { above, limit }: { above?: string | undefined; limit: number },
  ): Promise<QueueEntry[]> {
    const began = clock();
    const partitions = [queuePartition(place)];
    const sorts = await readIndex(reach, { index: INDEX_BY_QUEUE, partitions, above, limit });
    if (sorts.length === 0 && above === undefined) quiet.sawEmpty(notedAs(place), began);
    return sorts.map((sort) => ({ sort, class: place.class }));
  }

  async function listClasses(queue: string): Promise<string[]> {
    const listed = await classes.list(
      classesOf(queue),
      // Whose pins there are it does not say.
      async (name) => name === PINS || (await look({ queue, class: name }, { limit: 1 })).length > 0,
    );
    for (const { entry, seen } of listed) quiet.listed(notedAs({ queue, class: entry }).entry, seen);
    return listed.map(({ entry }) => entry);
  }

  const port = {
    async findClaimable({ queue, classes: names }, { limit, cursor }) {
      const above = readCursor(cursor);
      // Of the class of a single worker nobody else finds out.
      const forMs = (name: string) => (isPin(name) ? LOOK_AGAIN_MS : undefined);
      const places = names.map((name) => ({ queue, class: name }));
      const awake = places.filter((place) => !quiet.isQuiet(notedAs(place), forMs(place.class)));
      const found = await Promise.all(awake.map((place) => look(place, { above, limit: limit + 1 })));
      return toPage(mergeClasses(found), limit, ({ sort }) => sort, readQueuePlace);
    },
    async findNext(place) {
      if (quiet.isQuiet(notedAs(place), LOOK_AGAIN_MS)) return undefined;
      const [next] = await look(place, { limit: 1 });
      if (!next) return undefined;
      await noteClass(place, LOOK_AGAIN_MS);
      return readQueuePlace(next);
    },
    async listQueues() {
      const listed = await queues.list(QUEUES, async (queue) => (await listClasses(queue)).length > 0);
      return listed.map(({ entry }) => entry);
    },
    listClasses,
  } satisfies Partial<Store>;

  return {
    ...port,
    saw,
    /**
     * Commits what is put into queues: its classes are noted before, so that whoever lists them from then on looks there, and once more after a
     * commit that took long, whatever came of it.
     */
    async noting<T>(writes: readonly Write[], commit: () => Promise<T>): Promise<T> {
      const places = [...new Map(writes.flatMap(entered).map((place) => [notedAs(place).entry, place])).values()];
      const began = clock();
      await noteAll(places);
      try {
        return await commit();
      } finally {
        if (clock() - began > LONG_COMMIT_MS) await noteAll(places, 0);
      }
    },
  };
}

const notedAs = ({ queue, class: name }: Place): Noted => ({ entry: `${queue}#${familyOf(name)}`, name });
const placeKey = (partition: string, sort: string): string => `${partition} ${sort}`;
