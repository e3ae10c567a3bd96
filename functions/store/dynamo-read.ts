import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
} from "@aws-sdk/client-dynamodb";
import * as z from "zod";
import { type Item, type Key, key, parts } from "./dynamo-items.ts";
import { persist } from "./dynamo-send.ts";
import { INDEX_KEYS, type IndexName } from "./keys.ts";

const MAX_GET_KEYS = 100;
const MAX_DELETE_KEYS = 25;

export type Reach = { client: DynamoDBClient; table: string };

/** Strongly consistent; missing items are left out, and the order is DynamoDB's own. */
export async function getItems({ client, table }: Reach, keys: readonly Key[]): Promise<Item[]> {
  const wanted = [...new Map(keys.map((one) => [`${one.pk.S} ${one.sk.S}`, one])).values()];
  const found: Item[] = [];
  await Promise.all(
    pieces(wanted, MAX_GET_KEYS).map((piece) => {
      let left: Item[] = piece;
      return persist(async () => {
        const request = { [table]: { Keys: left, ConsistentRead: true } };
        const answer = await client.send(new BatchGetItemCommand({ RequestItems: request }));
        found.push(...(answer.Responses?.[table] ?? []));
        left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
        return left.length > 0 ? "again" : "done";
      });
    }),
  );
  return found;
}

/** A partition of the table in key order, page by page as DynamoDB cuts it; `mayLag` reads at half the price what was there a moment ago. */
export async function* walk(
  { client, table }: Reach,
  partition: string,
  { between, mayLag = false }: { between?: readonly [string, string]; mayLag?: boolean } = {},
): AsyncGenerator<Item, void, undefined> {
  const query: QueryCommandInput = {
    TableName: table,
    ConsistentRead: !mayLag,
    KeyConditionExpression: between ? "#pk = :pk AND #sk BETWEEN :from AND :to" : "#pk = :pk",
    ExpressionAttributeNames: { "#pk": "pk", ...(between && { "#sk": "sk" }) },
    ExpressionAttributeValues: {
      ":pk": { S: partition },
      ...(between && { ":from": { S: between[0] }, ":to": { S: between[1] } }),
    },
  };
  for (let from: Item | undefined, more = true; more; more = from !== undefined) {
    const page = { ...query, ...(from && { ExclusiveStartKey: from }) };
    const answer = await persist(() => client.send(new QueryCommand(page)));
    yield* answer.Items ?? [];
    from = answer.LastEvaluatedKey;
  }
}

export async function removeAll({ client, table }: Reach, partition: string): Promise<void> {
  const keys: Key[] = [];
  for await (const item of walk({ client, table }, partition)) {
    const { pk, sk } = parts.key.parse(item);
    keys.push(key(pk, sk));
  }
  for (const piece of pieces(keys, MAX_DELETE_KEYS)) {
    let left = piece.map((Key) => ({ DeleteRequest: { Key } }));
    await persist(async () => {
      const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: left } }));
      const undone = answer.UnprocessedItems?.[table] ?? [];
      left = left.filter(({ DeleteRequest: { Key } }) =>
        undone.some(({ DeleteRequest: one }) => one?.Key?.["sk"]?.S === Key.sk.S),
      );
      return left.length > 0 ? "again" : "done";
    });
  }
}

export type Range = {
  index: IndexName;
  partitions: readonly string[];
  /** Exclusive bounds; backwards begins at `below`. */
  above?: string | undefined;
  below?: string | undefined;
  backwards?: boolean;
  limit: number;
};

/** Sort keys of an index in order, those of several partitions merged. Indexes lag behind by milliseconds or more. */
export async function readIndex({ client, table }: Reach, range: Range): Promise<string[]> {
  const { partition: partitionName, sort: sortName } = INDEX_KEYS[range.index];
  const { backwards = false, above = "0", below = "~" } = range;
  const row = z.object({ [sortName]: z.object({ S: z.string() }) });
  const perPartition = range.partitions.map((partition) =>
    persist(async () => {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          IndexName: range.index,
          // Nothing sorts between a key and the same key with "!" behind it: ids hold neither.
          KeyConditionExpression: backwards
            ? "#partition = :partition AND #sort < :below"
            : "#partition = :partition AND #sort BETWEEN :above AND :below",
          ExpressionAttributeNames: { "#partition": partitionName, "#sort": sortName },
          ExpressionAttributeValues: {
            ":partition": { S: partition },
            ":below": { S: below },
            ...(!backwards && { ":above": { S: `${above}!` } }),
          },
          ScanIndexForward: !backwards,
          Limit: range.limit,
        }),
      );
      return (answer.Items ?? []).map((item) => z.string().parse(row.parse(item)[sortName]?.S));
    }),
  );
  const sorts = (await Promise.all(perPartition)).flat().sort();
  return (backwards ? sorts.reverse() : sorts).slice(0, range.limit);
}

function pieces<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}
