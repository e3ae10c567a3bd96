import { ConditionalCheckFailedException, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { key, parts } from "./dynamo-items.ts";
import { type Reach, walk } from "./dynamo-read.ts";
import { persist } from "./dynamo-send.ts";

const NOTED_FOR_MS = 15 * 60_000;
/** How much later than its note a record may show, by the clocks of two processes and an index that lags. */
const SLACK_MS = 60_000;
/** What a list said of an entry is believed this long. */
const LISTED_FOR_MS = 5000;
const STALE_AFTER_MS = 86_400_000;
const MAX_REMEMBERED = 10_000;

/**
 * Which entries a partition of an index may hold, since DynamoDB can't tell without a scan: the queues, the classes of a queue, the accounts.
 * An entry is noted before the record that needs it, at most once in 15 minutes by each process, so that it costs nothing by the job.
 *
 *   noted ──15 min── this process would note it again ──1 min── found empty: quiet until it is noted again ── 24 h ── empty: removed
 */
export function createDirectory(reach: Reach, clock: () => number) {
  const { client, table: TableName } = reach;
  const noted = new Map<string, number>();
  const listed = new Map<string, { seen: number; at: number }>();
  const empty = new Map<string, number>();

  async function note(directory: string, entry: string, force = false): Promise<void> {
    const name = nameOf({ directory, entry });
    const seen = clock();
    if (!force && seen - (noted.get(name) ?? Number.NEGATIVE_INFINITY) < NOTED_FOR_MS) return;
    const Item = { ...key(directory, entry), seen: { N: String(seen) } };
    await persist(() => client.send(new PutItemCommand({ TableName, Item })));
    remember(noted, name, seen);
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
      remember(listed, nameOf({ directory, entry: sk }), { seen, at: clock() });
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

  /** What stands for the entry was found empty by a look that began then. */
  const sawEmpty = (of: Entry, what: string, at: number) => remember(empty, `${nameOf(of)} ${what}`, at);

  /** Whether it must still be empty: whatever came after it was found so would have been noted since. */
  function isQuiet(of: Entry, what: string): boolean {
    const last = listed.get(nameOf(of));
    const emptyAt = empty.get(`${nameOf(of)} ${what}`);
    if (!last || emptyAt === undefined || clock() - last.at > LISTED_FOR_MS) return false;
    return emptyAt > last.seen + NOTED_FOR_MS + SLACK_MS;
  }

  return { note, list, sawEmpty, isQuiet };
}

type Entry = { directory: string; entry: string };
const nameOf = ({ directory, entry }: Entry): string => `${directory}#${entry}`;

function remember<T>(memory: Map<string, T>, name: string, value: T): void {
  if (memory.size >= MAX_REMEMBERED) memory.clear();
  memory.set(name, value);
}
