import { ConditionalCheckFailedException, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { key, parts } from "./dynamo-items.ts";
import { type Reach, walk } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";

const NOTED_FOR_MS = 3_600_000;
const STALE_AFTER_MS = 86_400_000;
const MAX_REMEMBERED = 10_000;

/**
 * Which entries a partition of an index may hold, since DynamoDB can't tell without a scan: the queues, the classes of a queue, the accounts.
 * An entry is noted before the record that needs it, at most once an hour by each process, so that it costs nothing by the job.
 *
 *   noted ──1 h── this process would note it again ──── 24 h ── looked at: empty → removed, unless noted meanwhile
 */
export function createDirectory(reach: Reach, clock: () => number) {
  const { client, table: TableName } = reach;
  const noted = new Map<string, number>();

  async function note(directory: string, entry: string, force = false): Promise<void> {
    const name = `${directory}#${entry}`;
    const seen = clock();
    if (!force && seen - (noted.get(name) ?? Number.NEGATIVE_INFINITY) < NOTED_FOR_MS) return;
    const Item = { ...key(directory, entry), seen: { N: String(seen) } };
    await persist(() => client.send(new PutItemCommand({ TableName, Item })));
    if (noted.size >= MAX_REMEMBERED) noted.clear();
    noted.set(name, seen);
  }

  async function forget(directory: string, entry: string, seen: number): Promise<void> {
    const removal = new DeleteItemCommand({
      TableName,
      Key: key(directory, entry),
      ConditionExpression: "#seen = :seen",
      ExpressionAttributeNames: { "#seen": "seen" },
      ExpressionAttributeValues: { ":seen": { N: String(seen) } },
    });
    await persist(async () => {
      try {
        await client.send(removal);
      } catch (cause) {
        if (!(cause instanceof ConditionalCheckFailedException)) throw cause;
      }
    });
  }

  /** All entries; one that was not noted for a day is kept only if it still holds something. */
  async function list(directory: string, holdsAny?: (entry: string) => Promise<boolean>): Promise<string[]> {
    const entries: string[] = [];
    for await (const item of walk(reach, directory, { mayLag: true })) {
      const { sk, seen } = parts.entry.parse(item);
      if (holdsAny && clock() - seen > STALE_AFTER_MS) {
        if (!(await holdsAny(sk))) {
          await forget(directory, sk, seen);
          continue;
        }
        await note(directory, sk, true);
      }
      entries.push(sk);
    }
    return entries;
  }

  return { note, list };
}
