import { afterAll, beforeAll, describe } from "vitest";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import type { Store } from "../../../functions/store/port.ts";
import { type Dynamo, hasTransactions, serverName, startDynamo } from "./dynamo-server.ts";
import { storeContract } from "./store-contract.ts";

const DYNALITE_GAPS = [
  "several changes are made together",
  "of several changes none is made when one does not fit",
  "a hundred changes are made together",
  "of 16 transactions over the same two records exactly one wins both",
  "money moves between two records without being lost or made",
  "counters begin at 0, go up and down, and belong to one account",
  "a counter that would pass its bound keeps the whole commit from being written",
  "a record that is not as expected is a conflict, whatever the counters say",
  "of 20 commits at once exactly as many win as there is room for",
];

let dynamo: Dynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());

/** A store on a table of its own, which goes with it. */
async function open(): Promise<Store> {
  const { table, drop } = await dynamo.addTable();
  const store = createDynamoStore({ client: dynamo.connect(), table });
  return {
    ...store,
    async close() {
      await store.close();
      await drop();
    },
  };
}

describe(`the store in DynamoDB (${serverName}) keeps every promise of the port`, () => {
  storeContract(open, hasTransactions ? [] : DYNALITE_GAPS);
});
