import { gunzipSync, gzipSync } from "node:zlib";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import * as z from "zod";
import type { Kind } from "../domain/records.ts";
import { readSortKey, TTL_ATTRIBUTE } from "./keys.ts";
import type { Write } from "./record.ts";

export type Item = Record<string, AttributeValue>;
export type Key = { pk: AttributeValue.SMember; sk: AttributeValue.SMember };

/** A claim moves a record into byDue and its end moves it out: 2 of the 1,000 writes a second that a partition takes. */
const DUE_SHARDS = 4;

/** What is shorter fits into one write unit with its keys as it is. */
const PACKED_FROM_BYTES = 800;

export const key = (pk: string, sk: string): Key => ({ pk: { S: pk }, sk: { S: sk } });

/** A partition of its own for each record: no job, however wide, is one hot key. */
export const recordKey = (kind: Kind, id: string): Key => key(`${kind}#${id}`, "#");
export const accountKey = (account: string): Key => key(`time#${account}`, "#");
/** A counter is an item of its own: one that is hot does not hold up the others. */
export const counterKey = (account: string, name: string): Key => key(`counter#${account}`, name);

/** What belongs to a job is in one partition, so that one query finds all of it: documents by hash, and pieces of its logs. */
export const belongingsOf = (job: string): string => `documents#${job}`;
/** The widest safe integer has 16 digits. */
export const chunkKey = (run: string, offset: number): string => `log/${run}/${String(offset).padStart(16, "0")}`;
/** Directories: the queues, the classes of a queue, and the accounts that hold records of a kind. */
export const QUEUES = "queues";
export const classesOf = (queue: string): string => `classes#${queue}`;
export const holdersOf = (kind: Kind): string => `holders#${kind}`;

export const queuePartition = (place: { queue: string; class: string }): string => `${place.queue}#${place.class}`;
export const ownerPartition = (kind: Kind, account: string): string => `${kind}#${account}`;
export const duePartitions = Array.from({ length: DUE_SHARDS }, (_, shard) => `due#${shard}`);

/** The whole item: a put replaces it, so what is absent here leaves its index. */
export function recordItem(kind: Kind, id: string, put: NonNullable<Write["put"]>): Item {
  const { queue, due, owner, vanishAt } = put.places;
  return {
    ...recordKey(kind, id),
    version: { N: String(put.version) },
    body: packed(put.body),
    ...(queue && { qpk: { S: queuePartition(queue) }, qsk: { S: queue.sort } }),
    // Dropped by DynamoDB itself, for nothing; a removal by the sweep would cost more than all else that is done to a single job.
    ...(vanishAt !== undefined && { [TTL_ATTRIBUTE]: { N: String(Math.ceil(vanishAt / 1000)) } }),
    ...(due && vanishAt === undefined && { dpk: { S: duePartition(due) }, dsk: { S: due } }),
    ...(owner && { opk: { S: ownerPartition(kind, owner.account) }, osk: { S: owner.sort } }),
  };
}

export const documentItem = (job: string, hash: string, text: string): Item => ({
  ...key(belongingsOf(job), hash),
  text: packed(text),
});

/** JSON says the same again and again: packed, most of what is longer fits into one write unit after all. */
const packed = (text: string): AttributeValue =>
  Buffer.byteLength(text) <= PACKED_FROM_BYTES ? { S: text } : { B: gzipSync(text) };

const text = z.object({ S: z.string() }).transform(({ S }) => S);
const number = z.object({ N: z.string() }).transform(({ N }) => z.int().parse(Number(N)));
const bytes = z.object({ B: z.instanceof(Uint8Array) }).transform(({ B }) => B);
const packable = z.union([text, bytes.transform((zipped) => gunzipSync(zipped).toString())]);

/** Items are parsed by schema when read; other attributes of an item are left alone. */
export const parts = {
  key: z.object({ pk: text, sk: text }),
  record: z.object({
    pk: text,
    version: number,
    body: packable,
    [TTL_ATTRIBUTE]: number.optional(),
    qpk: text.optional(),
    qsk: text.optional(),
  }),
  document: z.object({ pk: text, sk: text, text: packable }),
  chunk: z.object({ sk: text.transform((sort) => Number(sort.slice(-16))), data: bytes }),
  entry: z.object({ sk: text, seen: number }),
  account: z.object({ virtualTime: number }),
  counter: z.object({ sk: text, amount: number }),
};

function duePartition(due: string): string {
  const { text: id } = readSortKey(due);
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (hash * 31 + id.charCodeAt(at)) >>> 0;
  return `due#${hash % DUE_SHARDS}`;
}
