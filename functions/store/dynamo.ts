import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { PINS } from "../domain/demand.ts";
import type { Kind, RecordOf } from "../domain/records.ts";
import { nameDocument } from "./document.ts";
import { createAccounts } from "./dynamo-account.ts";
import { createChunks } from "./dynamo-chunks.ts";
import { commitWrites } from "./dynamo-commit.ts";
import { createDirectory } from "./dynamo-directory.ts";
import {
  classesOf,
  documentItem,
  documentsOf,
  duePartitions,
  holdersOf,
  key,
  ownerPartition,
  parts,
  QUEUES,
  queuePartition,
  recordKey,
} from "./dynamo-items.ts";
import { getItems, readIndex, removeAll } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import { INDEX_BY_DUE, INDEX_BY_OWNER, INDEX_BY_QUEUE, readSortKey, sortable } from "./keys.ts";
import { readCursor, toPage } from "./page.ts";
import { familyOf, mergeClasses, readDuePlace, readQueuePlace } from "./places.ts";
import type { Store } from "./port.ts";
import { planWrites, readRecord } from "./record.ts";

/** A random one of so many candidates keeps claimers apart: 0.06 failed claims each at 50 claims/s (docs/cost.md). */
const CLAIM_WINDOW = 25;

/**
 * The store of the cloud: one on-demand table with three sparse indexes that hold keys only (keys.ts names them). The client's own
 * retries stay on; what they could make ambiguous is settled here. `clock` dates the entries of directories.
 */
export function createDynamoStore(setup: { client: DynamoDBClient; table: string; clock?: () => number }): Store {
  const { client, table, clock = Date.now } = setup;
  const reach = { client, table };
  const directory = createDirectory(reach, clock);

  async function get<K extends Kind>(kind: K, ids: readonly string[]): Promise<(RecordOf<K> | undefined)[]> {
    const keyOf = (id: string) => recordKey(kind, id);
    const items = (await getItems(reach, ids.map(keyOf))).map((item) => parts.record.parse(item));
    // DynamoDB takes its time, days even, to drop what has vanished.
    const there = items.filter(({ ttl }) => ttl === undefined || ttl * 1000 > clock());
    const bodies = new Map(there.map(({ pk, body }) => [pk, body]));
    return ids.map((id) => {
      const body = bodies.get(keyOf(id).pk.S);
      return body === undefined ? undefined : readRecord(kind, id, body);
    });
  }

  const listClasses = (queue: string): Promise<string[]> =>
    directory.list(classesOf(queue), async (name) => {
      // Whose pins there are it does not say.
      if (name === PINS) return true;
      const partitions = [queuePartition({ queue, class: name })];
      return (await readIndex(reach, { index: INDEX_BY_QUEUE, partitions, limit: 1 })).length > 0;
    });

  return {
    claimWindow: CLAIM_WINDOW,
    get,

    async commit(changes) {
      const plan = planWrites(changes);
      const notes = plan.writes.flatMap(({ kind, expect, put }) => {
        const { queue, owner } = put?.places ?? {};
        return [
          ...(queue
            ? [directory.note(QUEUES, queue.queue), directory.note(classesOf(queue.queue), familyOf(queue.class))]
            : []),
          ...(owner && expect === "absent" ? [directory.note(holdersOf(kind), owner.account)] : []),
        ];
      });
      await Promise.all(notes);
      return commitWrites(reach, plan);
    },

    async putDocument(job, text) {
      const hash = nameDocument(job, text);
      const Item = documentItem(job, hash, text);
      await persist(() => client.send(new PutItemCommand({ TableName: table, Item })));
      return hash;
    },
    async getDocuments(wanted) {
      const keys = wanted.map(({ job, hash }) => key(documentsOf(job), hash));
      const items = (await getItems(reach, keys)).map((item) => parts.document.parse(item));
      const texts = new Map(items.map(({ pk, sk, text }) => [`${pk} ${sk}`, text]));
      return keys.map(({ pk, sk }) => texts.get(`${pk.S} ${sk.S}`));
    },
    removeDocuments: (job) => removeAll(reach, documentsOf(job)),

    async list<K extends Kind>(kind: K, account: string | undefined, page: { limit: number; cursor?: string }) {
      const accounts = account === undefined ? await directory.list(holdersOf(kind)) : [account];
      const sorts = await readIndex(reach, {
        index: INDEX_BY_OWNER,
        partitions: accounts.map((one) => ownerPartition(kind, one)),
        below: readCursor(page.cursor),
        backwards: true,
        limit: page.limit + 1,
      });
      const { items, ...next } = toPage(sorts, page.limit, itself, (sort) => readSortKey(sort).text);
      // The index may still name records that are gone.
      const records = (await get(kind, items)).filter((record) => record !== undefined);
      return { items: records, ...next };
    },

    async findClaimable({ queue, classes }, { limit, cursor }) {
      const above = readCursor(cursor);
      const noted = (name: string) => ({ directory: classesOf(queue), entry: familyOf(name) });
      const began = clock();
      const awake = classes.filter((name) => !directory.isQuiet(noted(name), name));
      const found = await Promise.all(
        awake.map(async (name) => {
          const partitions = [queuePartition({ queue, class: name })];
          const sorts = await readIndex(reach, { index: INDEX_BY_QUEUE, partitions, above, limit: limit + 1 });
          if (sorts.length === 0 && above === undefined) directory.sawEmpty(noted(name), name, began);
          return sorts.map((sort) => ({ sort, class: name }));
        }),
      );
      return toPage(mergeClasses(found), limit, ({ sort }) => sort, readQueuePlace);
    },
    listQueues: () => directory.list(QUEUES, async (queue) => (await listClasses(queue)).length > 0),
    listClasses,
    async findDue(now, { limit, cursor }) {
      const sorts = await readIndex(reach, {
        index: INDEX_BY_DUE,
        partitions: duePartitions,
        above: readCursor(cursor),
        below: sortable(now + 1),
        limit: limit + 1,
      });
      return toPage(sorts, limit, itself, readDuePlace);
    },

    ...createAccounts(reach),
    ...createChunks(reach),

    async close() {
      client.destroy();
    },
  };
}

const itself = (sort: string): string => sort;
