import { randomUUID } from "node:crypto";
import {
  DeleteItemCommand,
  type DynamoDBClient,
  type Put,
  PutItemCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type Update,
} from "@aws-sdk/client-dynamodb";
import { counterKey, parts, recordItem, recordKey } from "./dynamo-items.ts";
import { getItems, type Reach } from "./dynamo-read.ts";
import { failedConditions, isConditionFailure, persist, wasRepeated } from "./dynamo-send.ts";
import type { Count } from "./port.ts";
import { overQuota, type Write } from "./record.ts";

type Answer = "ok" | "conflict";

/** One write is one conditional request, several are one transaction. */
export async function commitWrites(
  reach: Reach,
  { writes, counts }: { writes: readonly Write[]; counts: readonly Count[] },
): Promise<Answer> {
  const [only, ...others] = writes;
  if (only && others.length === 0 && counts.length === 0) return commitOne(reach, only);
  const items = [
    ...writes.map((write) => transactItem(reach.table, write)),
    ...counts.map((count) => ({ Update: addition(reach.table, count) })),
  ];
  // The token makes a repetition of the same request, by the SDK or by us, the same transaction for ten minutes.
  const transaction = new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: randomUUID() });
  return persist(async () => {
    try {
      await reach.client.send(transaction);
      return "ok";
    } catch (cause) {
      const failed = failedConditions(cause);
      if (failed.length === 0) throw cause;
      // A record that is not as expected may be one that was counted already: only the caller can tell, by reading it.
      if (failed.some((at) => at < writes.length)) return "conflict";
      const [full] = failed.flatMap((at) => counts[at - writes.length] ?? []);
      throw full ? overQuota(full) : cause;
    }
  });
}

async function commitOne(reach: Reach, write: Write): Promise<Answer> {
  return persist(() =>
    conditional(
      () => sendOne(reach.client, reach.table, write),
      // The SDK repeated the request: the version that is in the way may be the one that we wrote ourselves.
      (cause) => (wasRepeated(cause) ? isWritten(reach, write) : Promise.resolve(false)),
    ),
  );
}

async function conditional(
  send: () => Promise<unknown>,
  isOurs: (cause: unknown) => Promise<boolean> = async () => false,
): Promise<Answer> {
  try {
    await send();
    return "ok";
  } catch (cause) {
    if (!isConditionFailure(cause)) throw cause;
    return (await isOurs(cause)) ? "ok" : "conflict";
  }
}

async function isWritten(reach: Reach, { kind, id, put }: Write): Promise<boolean> {
  const [item] = await getItems(reach, [recordKey(kind, id)]);
  if (put === undefined) return item === undefined;
  return item !== undefined && parts.record.parse(item).body === put.body;
}

type Condition = Pick<Put, "ConditionExpression" | "ExpressionAttributeNames" | "ExpressionAttributeValues">;

function condition(expect: Write["expect"]): Condition {
  if (expect === "absent") {
    return { ConditionExpression: "attribute_not_exists(#pk)", ExpressionAttributeNames: { "#pk": "pk" } };
  }
  return {
    ConditionExpression: "#version = :expect",
    ExpressionAttributeNames: { "#version": "version" },
    ExpressionAttributeValues: { ":expect": { N: String(expect) } },
  };
}

function sendOne(client: DynamoDBClient, TableName: string, { kind, id, expect, put }: Write): Promise<unknown> {
  if (put === undefined) {
    return client.send(new DeleteItemCommand({ TableName, Key: recordKey(kind, id), ...condition(expect) }));
  }
  return client.send(new PutItemCommand({ TableName, Item: recordItem(kind, id, put), ...condition(expect) }));
}

function addition(TableName: string, { account, count, add, most }: Count): Update {
  const Key = counterKey(account, count);
  const names = { "#amount": "amount" };
  const values = { ":add": { N: String(add) } };
  const update = { TableName, Key, UpdateExpression: "ADD #amount :add", ExpressionAttributeNames: names };
  if (most === undefined) return { ...update, ExpressionAttributeValues: values };
  const room = most - add;
  return {
    ...update,
    // An absent counter is 0.
    ConditionExpression: room >= 0 ? "attribute_not_exists(#amount) OR #amount <= :room" : "#amount <= :room",
    ExpressionAttributeValues: { ...values, ":room": { N: String(room) } },
  };
}

function transactItem(TableName: string, { kind, id, expect, put }: Write): TransactWriteItem {
  if (put === undefined) return { Delete: { TableName, Key: recordKey(kind, id), ...condition(expect) } };
  return { Put: { TableName, Item: recordItem(kind, id, put), ...condition(expect) } };
}
