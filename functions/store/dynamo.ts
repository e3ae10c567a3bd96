import { type DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Kind, RecordOf } from "../domain/records.ts";
import { nameDocument } from "./document.ts";
import { createAccounts } from "./dynamo-account.ts";
import { createChunks } from "./dynamo-chunks.ts";
import { commitWrites } from "./dynamo-commit.ts";
import { createDirectory } from "./dynamo-directory.ts";
import {
  belongingsOf,
  documentItem,
  duePartitions,
  holdersOf,
  key,
  ownerPartition,
  parts,
  recordKey,
} from "./dynamo-items.ts";
import { createQueues } from "./dynamo-queue.ts";
import { getItems, readIndex, removeAll } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import { INDEX_BY_DUE, INDEX_BY_OWNER, readSortKey, sortable } from "./keys.ts";
import { readCursor, toPage } from "./page.ts";
import { readDuePlace } from "./places.ts";
import type { Store } from "./port.ts";
import { planWrites, readRecord } from "./record.ts";

/** A random one of so many candidates keeps claimers apart: 0.06 failed claims each at 50 claims/s (docs/cost.md). */
const CLAIM_WINDOW = 25;
const ACCOUNT_NOTED_FOR_MS = 15 * 60_000;

/**
 * The store of the cloud: one on-demand table with three sparse indexes that hold keys only (keys.ts names them). The client's own
 * retries stay on; what they could make ambiguous is settled here. `clock` dates the entries of directories.
 */
export function createDynamoStore(setup: { client: DynamoDBClient; table: string; clock?: () => number }): Store {
  const { client, table, clock = Date.now } = setup;
  const reach = { client, table };
  const accounts = createDirectory(reach, { clock, notedForMs: ACCOUNT_NOTED_FOR_MS });
  const { saw, noting, ...queues } = createQueues(reach, clock);

  async function get<K extends Kind>(kind: K, ids: readonly string[]): Promise<(RecordOf<K> | undefined)[]> {
    const keyOf = (id: string) => recordKey(kind, id);
    const items = (await getItems(reach, ids.map(keyOf))).map((item) => parts.record.parse(item));
    // DynamoDB takes its time, days even, to drop what has vanished.
    const there = items.filter(({ ttl }) => ttl === undefined || ttl * 1000 > clock());
    for (const item of there) saw(item);
    const bodies = new Map(there.map(({ pk, body }) => [pk, body]));
    return ids.map((id) => {
      const body = bodies.get(keyOf(id).pk.S);
      return body === undefined ? undefined : readRecord(kind, id, body);
    });
  }

  return {
    claimWindow: CLAIM_WINDOW,
    get,

    async commit(changes) {
      const plan = planWrites(changes);
      const holders = plan.writes.flatMap(({ kind, expect, put }) =>
        put?.places.owner && expect === "absent" ? [accounts.note(holdersOf(kind), put.places.owner.account)] : [],
      );
      return noting(plan.writes, async () => {
        await Promise.all(holders);
        return commitWrites(reach, plan);
      });
    },

    async putDocument(job, text) {
      const hash = nameDocument(job, text);
      const Item = documentItem(job, hash, text);
      await persist(() => client.send(new PutItemCommand({ TableName: table, Item })));
      return hash;
    },
    async getDocuments(wanted) {
      const keys = wanted.map(({ job, hash }) => key(belongingsOf(job), hash));
      const items = (await getItems(reach, keys)).map((item) => parts.document.parse(item));
      const texts = new Map(items.map(({ pk, sk, text }) => [`${pk} ${sk}`, text]));
      return keys.map(({ pk, sk }) => texts.get(`${pk.S} ${sk.S}`));
    },
    removeBelongings: (job) => removeAll(reach, belongingsOf(job)),

    async list<K extends Kind>(kind: K, account: string | undefined, page: { limit: number; cursor?: string }) {
      const listed = account === undefined ? await accounts.list(holdersOf(kind)) : [{ entry: account }];
      const sorts = await readIndex(reach, {
        index: INDEX_BY_OWNER,
        partitions: listed.map(({ entry }) => ownerPartition(kind, entry)),
        below: readCursor(page.cursor),
        backwards: true,
        limit: page.limit + 1,
      });
      const { items, ...next } = toPage(sorts, page.limit, itself, (sort) => readSortKey(sort).text);
      // The index may still name records that are gone.
      const records = (await get(kind, items)).filter((record) => record !== undefined);
      return { items: records, ...next };
    },

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

    ...queues,
    ...createAccounts(reach),
    ...createChunks(reach),

    async close() {
      client.destroy();
    },
  };
}

const itself = (sort: string): string => sort;
