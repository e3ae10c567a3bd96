import { once } from "node:events";
import type { Server } from "node:http";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { afterAll, beforeAll, describe } from "vitest";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import type { Store } from "../../../functions/store/port.ts";
import { createTable, dropTable } from "./dynamo-table.ts";
import { storeContract } from "./store-contract.ts";

/** A real DynamoDB or one that stands in for it; region, credentials and CA come from the usual AWS variables. */
const endpoint = process.env["RENDT_TEST_DYNAMODB_ENDPOINT"];

/** dynalite has no transactions. */
const DYNALITE_GAPS = [
  "several changes are made together",
  "of several changes none is made when one does not fit",
  "a hundred changes are made together",
  "of 16 transactions over the same two records exactly one wins both",
  "money moves between two records without being lost or made",
];

let server: Server | undefined;
let connect: () => DynamoDBClient;
let opened = 0;

beforeAll(async () => {
  if (endpoint !== undefined) {
    connect = () => new DynamoDBClient({ endpoint });
    return;
  }
  server = dynalite({ createTableMs: 0, deleteTableMs: 0 }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("dynalite has no port");
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  connect = () =>
    new DynamoDBClient({ endpoint: `http://127.0.0.1:${address.port}`, region: "us-east-1", credentials });
});
afterAll(async () => {
  if (server) await new Promise((resolve) => server?.close(resolve));
});

/** A store on a table of its own, which goes with it. */
async function open(): Promise<Store> {
  const [client, table] = [connect(), `rendt-test-${process.pid}-${opened++}`];
  await createTable(client, table);
  const store = createDynamoStore({ client, table });
  return {
    ...store,
    async close() {
      await dropTable(client, table);
      await store.close();
    },
  };
}

describe(`the store in DynamoDB (${endpoint ?? "dynalite"}) keeps every promise of the port`, () => {
  storeContract(open, endpoint === undefined ? DYNALITE_GAPS : []);
});
