import { ConditionalCheckFailedException, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { remember } from "../domain/remember.ts";
import { key, parts } from "./dynamo-items.ts";
import { type Reach, walk } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";

const STALE_AFTER_MS = 86_400_000;

/**
 * Which entries a partition of an index may hold, since DynamoDB can't tell without a scan: the queues, the classes of a queue, the accounts.
 * An entry is noted before the record that needs it, at most once in `notedForMs` by each process, so that it costs next to nothing by the job.
 *
 *   noted ── notedForMs ── this process would note it again ── 24 h ── empty: removed
 */
export function createDirectory(reach: Reach, { clock, notedForMs }: { clock: () => number; notedForMs: number }) {
  const { client, table: TableName } = reach;
  const notes = new Map<string, { at: number; done: Promise<void> }>();

  /** `forMs`: after what time it is noted again; those that come while a note is being written share it. */
  function note(directory: string, entry: string, forMs = notedForMs): Promise<void> {
    const name = `${directory}#${entry}`;
    const at = clock();
    const last = notes.get(name);
    if (last && Math.abs(at - last.at) < forMs) return last.done;
    const Item = { ...key(directory, entry), seen: { N: String(at) } };
    const done = persist(async () => {
      await client.send(new PutItemCommand({ TableName, Item }));
    });
    const mine = { at, done };
    remember(notes, name, mine);
    done.catch(() => {
      if (notes.get(name) === mine) notes.delete(name);
    });
    return done;
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

  /** All entries, and when they were noted last; one that was not noted for a day is kept only if it still holds something. */
  async function list(
    directory: string,
    holdsAny?: (entry: string) => Promise<boolean>,
  ): Promise<{ entry: string; seen: number }[]> {
    const entries: { entry: string; seen: number }[] = [];
    for await (const item of walk(reach, directory, { mayLag: true })) {
      const { sk: entry, seen } = parts.entry.parse(item);
      if (holdsAny && clock() - seen > STALE_AFTER_MS) {
        if (!(await holdsAny(entry))) {
          await forget(directory, entry, seen);
          continue;
        }
        await note(directory, entry, 0);
      }
      entries.push({ entry, seen });
    }
    return entries;
  }

  return { note, list };
}
