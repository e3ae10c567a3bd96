import { ConditionalCheckFailedException, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { assertBooking } from "./account.ts";
import { accountKey, counterKey, parts } from "./dynamo-items.ts";
import { getItems, type Reach } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import type { Store } from "./port.ts";

const MAX_REMEMBERED = 10_000;

/**
 * Virtual time of accounts. DynamoDB has no max(): of three conditional updates exactly one fits, by where virtual time stands.
 *
 *        now                     top = now + maxLeadMs
 *   ──────┼────────────────────────┼──────────────▶
 *   idle  │         ahead          │  beyond
 *   begin = now   begin = its own    begin = top
 */
export function createAccounts({ client, table }: Reach): Pick<Store, "reserve" | "counts"> {
  /** Where accounts stood last, so that the update that fits is tried first: one that fails costs as much as one that does not. */
  const stood = new Map<string, number>();

  return {
    async counts(account, names) {
      const items = await getItems(
        { client, table },
        names.map((name) => counterKey(account, name)),
      );
      const amounts = new Map(items.map((item) => parts.counter.parse(item)).map(({ sk, amount }) => [sk, amount]));
      return names.map((name) => amounts.get(name) ?? 0);
    },

    async reserve(account, want) {
      assertBooking(account, want);
      const { costMs, now, maxLeadMs } = want;
      const top = now + maxLeadMs;
      const idle = { when: "attribute_not_exists(#time) OR #time <= :now", set: ":now + :cost" };
      const ahead = { when: "#time > :now AND #time <= :top", set: "#time + :cost" };
      const beyond = { when: "#time > :top", set: ":top + :cost" };
      const values = { ":now": now, ":top": top, ":cost": costMs };
      const clauses = (stood.get(account) ?? 0) > now ? [ahead, beyond, idle] : [idle, ahead, beyond];

      async function book({ when, set }: { when: string; set: string }): Promise<number | undefined> {
        const used = Object.entries(values).filter(([name]) => `${when} ${set}`.includes(name));
        const update = new UpdateItemCommand({
          TableName: table,
          Key: accountKey(account),
          UpdateExpression: `SET #time = ${set}`,
          ConditionExpression: when,
          ExpressionAttributeNames: { "#time": "virtualTime" },
          ExpressionAttributeValues: Object.fromEntries(used.map(([name, value]) => [name, { N: String(value) }])),
          ReturnValues: "UPDATED_NEW",
        });
        try {
          const { Attributes } = await client.send(update);
          return parts.account.parse(Attributes).virtualTime;
        } catch (cause) {
          if (cause instanceof ConditionalCheckFailedException) return undefined;
          throw cause;
        }
      }

      const end = await persist(async () => {
        for (const clause of clauses) {
          const booked = await book(clause);
          if (booked !== undefined) return booked;
        }
        return "again";
      });
      if (stood.size >= MAX_REMEMBERED) stood.clear();
      stood.set(account, end);
      return end - costMs;
    },
  };
}
