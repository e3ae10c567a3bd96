import { ConditionalCheckFailedException, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { remember } from "../domain/remember.ts";
import { assertBooking } from "./account.ts";
import { accountKey, counterKey, parts } from "./dynamo-items.ts";
import { getItems, type Reach } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";
import type { Store } from "./port.ts";

type Want = Parameters<Store["reserve"]>[1];
type Waiting = { want: Want; resolve: (begin: number) => void; reject: (error: unknown) => void };

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
  const share = createShares(bookAll);

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
      return share(account, want);
    },
  };

  /** Books `costMs` at once and answers where virtual time stands behind it. */
  async function bookAll(account: string, { costMs, now, maxLeadMs }: Want): Promise<number> {
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
    remember(stood, account, end);
    return end;
  }
}

/** Bookings that come while one of the same account is under way are one booking together: a batch of jobs costs two writes, not a hundred. */
function createShares(bookAll: (account: string, want: Want) => Promise<number>) {
  const waiting = new Map<string, Waiting[]>();

  async function bookWaiting(account: string, all: Waiting[]): Promise<void> {
    for (let [first] = all; first; [first] = all) {
      const { maxLeadMs } = first.want;
      const group = all.filter(({ want }) => want.maxLeadMs === maxLeadMs);
      all.splice(0, all.length, ...all.filter(({ want }) => want.maxLeadMs !== maxLeadMs));
      const costMs = group.reduce((sum, { want }) => sum + want.costMs, 0);
      const now = Math.max(...group.map(({ want }) => want.now));
      try {
        let begin = (await bookAll(account, { costMs, now, maxLeadMs })) - costMs;
        for (const { want, resolve } of group) {
          resolve(Math.min(begin, now + maxLeadMs));
          begin += want.costMs;
        }
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    waiting.delete(account);
  }

  return (account: string, want: Want): Promise<number> =>
    new Promise((resolve, reject) => {
      const all = waiting.get(account);
      if (all) all.push({ want, resolve, reject });
      else {
        const own = [{ want, resolve, reject }];
        waiting.set(account, own);
        void bookWaiting(account, own);
      }
    });
}
