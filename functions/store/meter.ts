import type {
  AttributeValue,
  BatchGetItemCommandInput,
  BatchGetItemCommandOutput,
  BatchWriteItemCommandInput,
  BatchWriteItemCommandOutput,
  DeleteItemCommandInput,
  DynamoDBClient,
  PutItemCommandInput,
  QueryCommandInput,
  QueryCommandOutput,
  TransactWriteItemsCommandInput,
  UpdateItemCommandInput,
  UpdateItemCommandOutput,
} from "@aws-sdk/client-dynamodb";
import { failedConditions, isConditionFailure } from "./dynamo-send.ts";
import { INDEX_KEYS, type IndexName, TABLE_KEY } from "./keys.ts";

type Item = Record<string, AttributeValue>;
type Change = { key: Item; after: Item | undefined };

/** Read and write request units of the table and of each index, and how many requests were answered. */
export type Bill = { [Place in "table" | IndexName]: { reads: number; writes: number } } & { requests: number };

/** What requests of DynamoDB cost, computed from item sizes and index changes: emulators report it in part or not at all. */
export type Meter = {
  /** From now on the requests of this client count. A table's writers have to be watched from its beginning. */
  watch(client: DynamoDBClient): void;
  /** What was billed since the meter was made. */
  read(): Bill;
};

const KIB = 1024;
const READ_BYTES = 4 * KIB;
const INDEXES = Object.keys(INDEX_KEYS) as IndexName[];

/**
 * Rules: AWS, "Amazon DynamoDB read and write operations" and "Item sizes and formats". An item counts with the larger of its sizes before and after;
 * an index only where its entry comes, goes or moves (a move is both); a failed condition as the write that it kept from happening, without
 * its indexes; an item of a transaction twice (its index entries follow later, and once); missing items and empty pages of a query as small
 * ones. Requests that were throttled or got no answer are not billed.
 */
export function createMeter(): Meter {
  /** The table as our own answers tell it: what a write replaces is needed to know what it costs. */
  const items = new Map<string, Item>();
  const bill: Bill = { table: none(), byQueue: none(), byDue: none(), byOwner: none(), requests: 0 };

  function write({ key, after }: Change, times = 1): void {
    const before = items.get(nameOf(key));
    bill.table.writes += times * writeUnits(Math.max(sizeOf(before), sizeOf(after)));
    for (const index of INDEXES) bill[index].writes += indexUnits(index, before, after);
    if (after) items.set(nameOf(key), after);
    else items.delete(nameOf(key));
  }

  function refuse({ key }: Change, times = 1): void {
    bill.table.writes += times * writeUnits(sizeOf(items.get(nameOf(key))));
  }

  /** What an update makes of an item is not told; ours change numbers of items that stand in no index. */
  const sameOf = ({ Key: key = {} }: { Key?: Item | undefined }): Change => ({
    key,
    after: items.get(nameOf(key)) ?? key,
  });

  const commands: Record<string, (input: never, output: never) => void> = {
    PutItem: (input: PutItemCommandInput, output: object | undefined) => (output ? write : refuse)(putOf(input)),
    DeleteItem: (input: DeleteItemCommandInput, output: object | undefined) =>
      (output ? write : refuse)(deleteOf(input)),
    UpdateItem({ Key: key = {} }: UpdateItemCommandInput, output: UpdateItemCommandOutput | undefined) {
      if (output) write({ key, after: { ...key, ...items.get(nameOf(key)), ...output.Attributes } });
      else refuse({ key, after: undefined });
    },
    TransactWriteItems({ TransactItems = [] }: TransactWriteItemsCommandInput, output: object | undefined) {
      for (const { Put, Delete, Update } of TransactItems) {
        if (Put) (output ? write : refuse)(putOf(Put), 2);
        else if (Delete) (output ? write : refuse)(deleteOf(Delete), 2);
        else if (Update) (output ? write : refuse)(sameOf(Update), 2);
        else throw new TypeError("the meter has no price for a ConditionCheck");
      }
    },
    BatchWriteItem({ RequestItems = {} }: BatchWriteItemCommandInput, output: BatchWriteItemCommandOutput) {
      const undone = Object.values(output.UnprocessedItems ?? {}).flat();
      const left = new Set(undone.map(({ DeleteRequest }) => nameOf(DeleteRequest?.Key ?? {})));
      for (const { DeleteRequest } of Object.values(RequestItems).flat()) {
        if (!DeleteRequest) throw new TypeError("the meter knows no other parts of a batch than DeleteRequest");
        const change = deleteOf(DeleteRequest);
        if (!left.has(nameOf(change.key))) write(change);
      }
    },
    BatchGetItem({ RequestItems = {} }: BatchGetItemCommandInput, output: BatchGetItemCommandOutput) {
      for (const [table, { Keys = [], ConsistentRead }] of Object.entries(RequestItems)) {
        const found = output.Responses?.[table] ?? [];
        const unread = output.UnprocessedKeys?.[table]?.Keys?.length ?? 0;
        const missing = Array.from({ length: Keys.length - unread - found.length }, () => 0);
        for (const size of [...found.map(sizeOf), ...missing]) bill.table.reads += readUnits(size, ConsistentRead);
      }
    },
    Query({ IndexName: index, ConsistentRead }: QueryCommandInput, { Items = [] }: QueryCommandOutput) {
      const place = INDEXES.find((name) => name === index) ?? "table";
      bill[place].reads += readUnits(
        Items.reduce((sum, item) => sum + sizeOf(item), 0),
        ConsistentRead,
      );
    },
  };

  function count(command: string, input: unknown, output: unknown): void {
    const price = commands[command];
    if (!price) throw new TypeError(`the meter has no price for ${command}`);
    bill.requests += 1;
    // Inputs and outputs belong to their command; the SDK's types of a middleware do not say so.
    price(input as never, output as never);
  }

  return {
    watch(client) {
      client.middlewareStack.add(
        (next, context) => async (args) => {
          const command = String(context["commandName"]).replace(/Command$/, "");
          try {
            const result = await next(args);
            count(command, args.input, result.output);
            return result;
          } catch (cause) {
            if (isConditionFailure(cause) || failedConditions(cause).length > 0) count(command, args.input, undefined);
            throw cause;
          }
        },
        // Inside the SDK's retries: each attempt that is answered is billed.
        { step: "finalizeRequest", priority: "low" },
      );
    },
    read: () => structuredClone(bill),
  };
}

/** What was billed between two readings. */
export function billBetween(before: Bill, after: Bill): Bill {
  const place = (name: "table" | IndexName) => ({
    reads: after[name].reads - before[name].reads,
    writes: after[name].writes - before[name].writes,
  });
  return {
    table: place("table"),
    byQueue: place("byQueue"),
    byDue: place("byDue"),
    byOwner: place("byOwner"),
    requests: after.requests - before.requests,
  };
}

/** Units of table and indexes together: these are what is paid for. */
export function unitsOf({ requests, ...places }: Bill): { reads: number; writes: number; requests: number } {
  const all = Object.values(places);
  const sum = (unit: "reads" | "writes") => all.reduce((total, place) => total + place[unit], 0);
  return { reads: sum("reads"), writes: sum("writes"), requests };
}

const none = () => ({ reads: 0, writes: 0 });
const nameOf = (key: Item): string => `${key[TABLE_KEY.partition]?.S} ${key[TABLE_KEY.sort]?.S}`;
const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / KIB));
const readUnits = (bytes: number, consistent = false): number =>
  Math.max(1, Math.ceil(bytes / READ_BYTES)) * (consistent ? 1 : 0.5);

const putOf = ({ Item = {} }: { Item?: Item | undefined }): Change => ({ key: Item, after: Item });
const deleteOf = ({ Key = {} }: { Key?: Item | undefined }): Change => ({ key: Key, after: undefined });

function indexUnits(index: IndexName, before: Item | undefined, after: Item | undefined): number {
  const [old, now] = [entryOf(index, before), entryOf(index, after)];
  if (old && now && nameOf(old.entry) === nameOf(now.entry) && old.at === now.at) return 0;
  return (old ? writeUnits(sizeOf(old.entry)) : 0) + (now ? writeUnits(sizeOf(now.entry)) : 0);
}

/** What a KEYS_ONLY index holds of an item, if it holds it at all. */
function entryOf(index: IndexName, item: Item | undefined): { entry: Item; at: string } | undefined {
  const { partition, sort } = INDEX_KEYS[index];
  const [place, order] = [item?.[partition], item?.[sort]];
  const [pk, sk] = [item?.[TABLE_KEY.partition], item?.[TABLE_KEY.sort]];
  if (!place || !order || !pk || !sk) return undefined;
  const entry = { [TABLE_KEY.partition]: pk, [TABLE_KEY.sort]: sk, [partition]: place, [sort]: order };
  return { entry, at: `${place.S} ${order.S}` };
}

/** Bytes of an item as DynamoDB counts them: names and values, in UTF-8; a number about half a byte a digit. */
export function sizeOf(item: Item | undefined): number {
  return Object.entries(item ?? {}).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value), 0);
}

function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1;
  if (value.B !== undefined) return value.B.byteLength;
  throw new TypeError(`the meter has no size for ${Object.keys(value).join()}`);
}
