import { randomBytes } from "node:crypto";
import { type ConsumedCapacity, type DynamoDBClient, DynamoDBServiceException } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import { type Bill, billBetween, createMeter, type Meter, sizeOf, unitsOf } from "../../../functions/store/meter.ts";
import type { Store } from "../../../functions/store/port.ts";
import { type Dynamo, hasTransactions, serverName, startDynamo } from "./dynamo-server.ts";
import { aLiveJob, newJob, nextJob } from "./records.ts";
import { useEverything } from "./scenario.ts";

let dynamo: Dynamo;
let table: string;
let drop: () => Promise<void>;
let client: DynamoDBClient;
let meter: Meter;
let store: Store;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());
beforeEach(async () => {
  ({ table, drop } = await dynamo.addTable());
  client = dynamo.connect({ maxAttempts: 1 });
  meter = createMeter();
  meter.watch(client);
  store = createDynamoStore({ client, table, clock: () => 1 });
});
afterEach(async () => {
  await store.close();
  await drop();
});

type Totals = Record<string, number>;

/** What the server says that requests consumed, as "command place", beside what the meter says of them. */
function compare(): { ours: Totals; theirs: Totals } {
  const [ours, theirs]: [Totals, Totals] = [{}, {}];
  const add = (totals: Totals, command: string, units: [place: string, units: number][]) => {
    for (const [place, more] of units) {
      const name = `${command} ${place}`;
      if (more > 0) totals[name] = (totals[name] ?? 0) + more;
    }
  };
  const ask = { ReturnConsumedCapacity: "INDEXES" as const };
  client.middlewareStack.add((next) => (args) => next({ ...args, input: { ...args.input, ...ask } }), {
    step: "initialize",
  });
  // One request at a time, so that what the meter adds is that request's.
  let last: Promise<unknown> = Promise.resolve();
  client.middlewareStack.add(
    (next, context) => (args) => {
      const turn = last.then(async () => {
        const before = meter.read();
        const result = await next(args);
        const command = String(context["commandName"]).replace("Command", "");
        add(ours, command, metered(billBetween(before, meter.read())));
        const { ConsumedCapacity: told = [] } = result.output as { ConsumedCapacity?: ConsumedCapacity };
        add(theirs, command, [told].flat().flatMap(reported));
        return result;
      });
      last = turn.catch(() => {});
      return turn;
    },
    { step: "finalizeRequest", priority: "normal" },
  );
  return { ours, theirs };
}

const metered = ({ requests: _, ...bill }: Bill) =>
  Object.entries(bill).map(([place, { reads, writes }]): [string, number] => [place, reads + writes]);

function reported({ CapacityUnits = 0, GlobalSecondaryIndexes = {} }: ConsumedCapacity): [string, number][] {
  const indexes = Object.entries(GlobalSecondaryIndexes).map(
    ([name, { CapacityUnits: units = 0 }]): [string, number] => [name, units],
  );
  return [["table", CapacityUnits - indexes.reduce((sum, [, units]) => sum + units, 0)], ...indexes];
}

/** dynalite reports no index and no empty page; MiniStack no batch of reads, and no size of what a query found. */
const reports = (name: string): boolean =>
  hasTransactions ? !/^(BatchGetItem|Query) table/.test(name) : /^(Put|Update|Delete)Item table/.test(name);

const known = (totals: Totals): Totals => Object.fromEntries(Object.entries(totals).filter(([name]) => reports(name)));

describe(`the meter beside what the server reports (${serverName})`, () => {
  it("agrees for every command, on the table and on each index", async () => {
    const { ours, theirs } = compare();
    await useEverything(store, { transactions: hasTransactions });
    expect(known(ours)).toEqual(known(theirs));
    expect(Object.keys(known(ours))).toEqual(
      expect.arrayContaining(["PutItem table", "DeleteItem table", "UpdateItem table"]),
    );
  });
});

/** Text that can't be packed into much less. */
const noise = (length: number): string => randomBytes(length).toString("base64").slice(0, length);

/** Units of table and indexes that some work cost. */
async function bill(work: () => Promise<unknown>): Promise<{ reads: number; writes: number }> {
  const before = meter.read();
  await work();
  const { reads, writes } = unitsOf(billBetween(before, meter.read()));
  return { reads, writes };
}

describe("a request costs", () => {
  beforeEach(() => store.commit([newJob(aLiveJob("j0"))]));

  it.each([
    ["a unit for each KiB begun, and one for each index that it enters", 200, 3],
    ["more units for a longer record", 1500, 4],
  ])("%s", async (_, length, writes) => {
    expect(await bill(() => store.commit([newJob(aLiveJob("j1", { name: noise(length) }))]))).toEqual({
      reads: 0,
      writes,
    });
  });

  it("two units for a move in an index, one for leaving it, and none for staying", async () => {
    const job = aLiveJob("j0");
    expect(await bill(() => store.commit([nextJob(job, { order: 5 })]))).toEqual({ reads: 0, writes: 3 });
    expect(await bill(() => store.commit([nextJob({ ...job, version: 2, order: 5 })]))).toMatchObject({ writes: 1 });
    expect(await bill(() => store.commit([nextJob({ ...job, version: 3 })]))).toMatchObject({ writes: 3 });
    const ended = { ...job, version: 4, only: { status: "finished" as const, succeeded: 1, failed: 0 } };
    expect(await bill(() => store.commit([nextJob(ended)]))).toMatchObject({ writes: 2 });
  });

  it("as much when its condition does not hold", async () => {
    const long = aLiveJob("j1", { name: noise(3000) });
    await store.commit([newJob(long)]);
    expect(await bill(() => store.commit([newJob(long)]))).toEqual({ reads: 0, writes: 3 });
    expect(await bill(() => store.commit([newJob(aLiveJob("j0"))]))).toEqual({ reads: 0, writes: 1 });
  });

  it("a unit for a record that is missing, and half of one for an empty page of an index", async () => {
    expect(await bill(() => store.get("job", ["j404"]))).toEqual({ reads: 1, writes: 0 });
    expect(await bill(() => store.findClaimable({ queue: "q", classes: ["none"] }, { limit: 5 }))).toEqual({
      reads: 0.5,
      writes: 0,
    });
  });

  it("nothing when it was throttled", async () => {
    client.middlewareStack.add(
      () => async () => {
        const name = "ThrottlingException";
        throw new DynamoDBServiceException({ name, message: "slow down", $fault: "client", $metadata: {} });
      },
      { step: "deserialize", priority: "high" },
    );
    const cost = await bill(() => store.get("job", ["j0"]).catch(() => undefined));
    expect(cost).toEqual({ reads: 0, writes: 0 });
  });
});

it("an item is as long as its names and values in UTF-8, a number about half a byte a digit", () => {
  expect(sizeOf({ ab: { S: "é🎉" }, n: { N: "1234567" }, b: { B: new Uint8Array(5) } })).toBe(2 + 6 + 1 + 5 + 1 + 5);
  expect(sizeOf(undefined)).toBe(0);
});
