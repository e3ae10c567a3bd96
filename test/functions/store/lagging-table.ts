import {
  DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
} from "@aws-sdk/client-dynamodb";
import type { Item } from "../../../functions/store/dynamo-items.ts";
import { TABLE_KEY } from "../../../functions/store/keys.ts";

/** What was there from a moment on. */
type Version = { at: number; item: Item };

/** How long each thing takes: asked anew for each request. */
export type Delays = {
  /** From a request until the table has it, and from there until its answer. */
  way(): number;
  /** More until a record, not a note, is in the table. */
  commit(): number;
  /** From the table to its index. */
  index(): number;
  /** How old a read is that need not be consistent. */
  replica(): number;
};

/** Time that passes only when everything waits for it. */
export function createTime() {
  let now = 1_700_000_000_000;
  const due: { at: number; ring: () => void }[] = [];
  return {
    now: () => now,
    after: (ms: number) => new Promise<void>((ring) => due.push({ at: now + ms, ring })),
    /** Until nobody waits for anything any more. */
    async run(): Promise<void> {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        due.sort((a, b) => a.at - b.at);
        const next = due.shift();
        if (!next) return;
        now = next.at;
        next.ring();
      }
    },
  };
}

/** A table with its index by queue, of puts and queries without their conditions, that takes its time: no server lets itself be told how long. */
export function createLaggingTable(
  { now, after }: Pick<ReturnType<typeof createTime>, "now" | "after">,
  delays: Delays,
) {
  const table = new Map<string, Version[]>();
  const index = new Map<string, Version[]>();

  const add = (to: Map<string, Version[]>, name: string, version: Version) =>
    to.set(name, [...(to.get(name) ?? []), version]);
  const seenAt = (of: Map<string, Version[]>, at: number): Item[] =>
    [...of.values()].map((versions) => versions.findLast((version) => version.at <= at)?.item ?? {});

  async function put({ Item = {} }: PutItemCommandInput): Promise<object> {
    const name = `${Item[TABLE_KEY.partition]?.S} ${Item[TABLE_KEY.sort]?.S}`;
    const isNote = Item["seen"] !== undefined;
    await after(delays.way() + (isNote ? 0 : delays.commit()));
    add(table, name, { at: now(), item: Item });
    // Changes of one item reach an index in their order.
    const last = index.get(name)?.at(-1)?.at ?? 0;
    if (!isNote) add(index, name, { at: Math.max(last, now() + delays.index()), item: Item });
    await after(delays.way());
    return {};
  }

  async function query(input: QueryCommandInput): Promise<Pick<QueryCommandOutput, "Items">> {
    const { IndexName, ExpressionAttributeValues: { ":partition": partition, ":pk": pk } = {} } = input;
    await after(delays.way());
    const found =
      IndexName === undefined
        ? seenAt(table, now() - delays.replica()).filter((item) => item[TABLE_KEY.partition]?.S === pk?.S)
        : seenAt(index, now()).filter((item) => item["qpk"]?.S === partition?.S);
    await after(delays.way());
    return { Items: found.slice(0, input.Limit) };
  }

  return {
    /** When the index shows a record, if it does by now or will. */
    shownAt: (pk: string): number | undefined => index.get(`${pk} #`)?.[0]?.at,
    /** Without what the client does around a request: that is most of the time of a story. */
    connect: (): DynamoDBClient =>
      Object.assign(new DynamoDBClient({ region: "us-east-1" }), {
        send: async (command: object) => {
          if (command instanceof PutItemCommand) return put(command.input);
          if (command instanceof QueryCommand) return query(command.input);
          throw new TypeError(`this table knows no ${command.constructor.name}`);
        },
      }),
  };
}
