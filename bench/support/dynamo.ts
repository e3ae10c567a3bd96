import { once } from "node:events";
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  type ServiceInputTypes,
  TransactionCanceledException,
  type TransactWriteItem,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { withDynamoDbLocal } from "../../scripts/second-opinion.mjs";
import { createTable } from "./dynamo-table.ts";

const TABLE = "rendt";

type Item = NonNullable<NonNullable<TransactWriteItem["Put"]>["Item"]>;

export type Dynamo = { table: string; connect(config?: DynamoDBClientConfig): DynamoDBClient; close(): Promise<void> };

/** dynalite on a free port, with one empty table. Its clients have to share this process: see `addTransactions`. */
export async function openDynalite(): Promise<Dynamo> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("dynalite has no port");
  const setup = setupOf(`http://127.0.0.1:${address.port}`);
  const plain = new DynamoDBClient(setup);
  await createTable(plain, TABLE);
  const turns = createTurns();
  return {
    table: TABLE,
    connect(config: DynamoDBClientConfig = {}): DynamoDBClient {
      const client = new DynamoDBClient({ ...setup, ...config });
      addTransactions(client, plain, turns);
      return client;
    },
    async close(): Promise<void> {
      plain.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** DynamoDB Local, by Maven and Java, with one empty table: where many ask at once, dynalite is too slow. */
export async function withDynamoDbLocalTable(use: (dynamo: Dynamo) => Promise<void>): Promise<void> {
  await withDynamoDbLocal(async ({ RENDT_TEST_DYNAMODB_ENDPOINT: endpoint = "" }) => {
    const connect = (config: DynamoDBClientConfig = {}) => new DynamoDBClient({ ...setupOf(endpoint), ...config });
    const admin = connect();
    await createTable(admin, TABLE);
    admin.destroy();
    await use({ table: TABLE, connect, async close() {} });
  });
}

const setupOf = (endpoint: string): DynamoDBClientConfig => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});

type Turns = ReturnType<typeof createTurns>;

/** Single writes go together, a transaction goes alone. */
function createTurns() {
  let alone: Promise<unknown> = Promise.resolve();
  const together = new Set<Promise<unknown>>();
  return {
    async single<T>(act: () => Promise<T>): Promise<T> {
      const before = alone;
      const turn = before.then(act);
      const settled = turn.catch(() => {});
      together.add(settled);
      await settled;
      together.delete(settled);
      return turn;
    },
    exclusive<T>(act: () => Promise<T>): Promise<T> {
      const turn = Promise.all([alone, ...together]).then(act);
      alone = turn.catch(() => {});
      return turn;
    },
  };
}

/** dynalite knows no transactions: they are carried out over its conditional writes, one at a time, and undone when a part fails. */
function addTransactions(client: DynamoDBClient, plain: DynamoDBClient, turns: Turns): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = context["commandName"];
      if (command !== "TransactWriteItemsCommand") {
        return /^(Put|Update|Delete)Item/.test(String(command)) ? turns.single(() => next(args)) : next(args);
      }
      const parts = partsOf(args.input);
      const output = await turns.exclusive(() => transact(plain, parts));
      return { output, response: undefined };
    },
    { step: "deserialize", priority: "high", name: "transactions" },
  );
}

function partsOf(input: ServiceInputTypes): TransactWriteItem[] {
  if (!("TransactItems" in input)) throw new TypeError("a transaction without items");
  return (input.TransactItems ?? []) as TransactWriteItem[];
}

async function transact(plain: DynamoDBClient, parts: readonly TransactWriteItem[]) {
  const undo: (() => Promise<unknown>)[] = [];
  for (const [failed, { Put, Delete, Update }] of parts.entries()) {
    const Key = Delete?.Key ?? Update?.Key ?? keyOf(Put?.Item ?? {});
    const TableName = (Put ?? Delete ?? Update)?.TableName;
    const { Item } = await plain.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
    try {
      if (Put) await plain.send(new PutItemCommand(Put));
      if (Delete) await plain.send(new DeleteItemCommand(Delete));
      if (Update) await plain.send(new UpdateItemCommand(Update));
    } catch (cause) {
      if (!(cause instanceof ConditionalCheckFailedException)) throw cause;
      for (const act of undo.toReversed()) await act();
      const CancellationReasons = parts.map((_, at) => ({ Code: at === failed ? "ConditionalCheckFailed" : "None" }));
      throw new TransactionCanceledException({ message: cause.message, CancellationReasons, $metadata: {} });
    }
    undo.push(async () => {
      if (Item) await plain.send(new PutItemCommand({ TableName, Item }));
      else await plain.send(new DeleteItemCommand({ TableName, Key }));
    });
  }
  return { $metadata: {} };
}

function keyOf({ pk, sk }: Item): Item {
  if (!pk || !sk) throw new TypeError("an item without its key");
  return { pk, sk };
}
