import { once } from "node:events";
import { DynamoDBClient, type DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { createTable, dropTable } from "../../../bench/support/dynamo-table.ts";

/** DynamoDB, or one that stands in for it; its region, credentials and CA come from the usual AWS variables. */
const endpoint = process.env["RENDT_TEST_DYNAMODB_ENDPOINT"];

export const serverName = endpoint ?? "dynalite";
/** dynalite, which `npm test` runs, has no transactions. */
export const hasTransactions = endpoint !== undefined;

export type Dynamo = {
  connect(config?: DynamoDBClientConfig): DynamoDBClient;
  /** A fresh, empty table and what removes it. */
  addTable(): Promise<{ table: string; drop: () => Promise<void> }>;
  stop(): Promise<void>;
};

export async function startDynamo(): Promise<Dynamo> {
  if (endpoint !== undefined)
    return withTables(
      (config) => new DynamoDBClient({ endpoint, ...config }),
      async () => {},
    );
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0 }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("dynalite has no port");
  const setup = {
    endpoint: `http://127.0.0.1:${address.port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  };
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return withTables((config) => new DynamoDBClient({ ...setup, ...config }), stop);
}

function withTables(connect: Dynamo["connect"], stop: () => Promise<void>): Dynamo {
  const admin = connect();
  let tables = 0;
  return {
    connect,
    async addTable() {
      const table = `rendt-test-${process.pid}-${tables++}`;
      await createTable(admin, table);
      return { table, drop: () => dropTable(admin, table) };
    },
    async stop() {
      admin.destroy();
      await stop();
    },
  };
}
