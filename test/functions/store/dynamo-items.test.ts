import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { INLINE_RECORD_BYTES } from "../../../contract/limits.ts";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import type { Store } from "../../../functions/store/port.ts";
import { type Dynamo, startDynamo } from "./dynamo-server.ts";
import { aJob, aLiveJob, aSlice, aToken, newJob, newSlice, nextJob, nextSlice } from "./records.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

let dynamo: Dynamo;
let table: string;
let drop: () => Promise<void>;
let client: DynamoDBClient;
let store: Store;
let now: number;
let requests: string[];
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());
beforeEach(async () => {
  ({ table, drop } = await dynamo.addTable());
  client = dynamo.connect();
  requests = [];
  client.middlewareStack.add(
    (next, context) => (args) => {
      requests.push(String(context["commandName"]).replace("Command", ""));
      return next(args);
    },
    { step: "initialize" },
  );
  now = 1_700_000_000_000;
  store = createDynamoStore({ client, table, clock: () => now });
});
afterEach(async () => {
  await store.close();
  await drop();
});

/** Attribute names of each item, by partition key, directories left out. */
async function attributes(): Promise<Record<string, string[]>> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
  const named = Items.map((item): [string, string[]] => [item["pk"]?.S ?? "", Object.keys(item).toSorted()]);
  return Object.fromEntries(named.filter(([pk]) => !/^(classes#|holders#|queues$)/.test(pk)));
}

async function during(work: () => Promise<unknown>): Promise<string[]> {
  const before = requests.length;
  await work();
  return requests.slice(before);
}

describe("the items of the table", () => {
  it("stand in an index only while they have a place there", async () => {
    const single = aLiveJob("j1");
    const slice = aSlice("j2", { wakeAt: 5 });
    await store.commit([newJob(single)]);
    await store.commit([newSlice(slice)]);
    await store.commit([{ kind: "token", put: aToken("t1"), expect: "absent" }]);
    const always = ["body", "pk", "sk", "version"];
    const sorted = (...names: string[]) => [...always, ...names].toSorted();
    expect(await attributes()).toEqual({
      "job#j1": sorted("opk", "osk", "qpk", "qsk"),
      "slice#j2.0": sorted("dpk", "dsk", "qpk", "qsk"),
      "token#t1": sorted("opk", "osk"),
    });
    await store.commit([nextJob(single, { only: { status: "finished", succeeded: 1, failed: 0 } })]);
    const { wakeAt: _, ...final } = slice;
    await store.commit([nextSlice({ ...final, status: "finished", open: [] })]);
    expect(await attributes()).toMatchObject({ "job#j1": sorted("opk", "osk"), "slice#j2.0": always });
  });

  it("cost one write unit as long as the record is short enough to be kept inline", async () => {
    const [owner, ms] = ["a0123456789ab", 1_700_000_000_000];
    const job = aLiveJob("j0123456789ab", {
      owner,
      queue: owner,
      class: "c0123456789ab",
      order: ms,
      wakeAt: ms,
      name: "",
    });
    const room = INLINE_RECORD_BYTES - Buffer.byteLength(JSON.stringify({ ...job, times: { createdAt: ms } }));
    await store.commit([newJob({ ...job, times: { createdAt: ms }, name: "x".repeat(room) })]);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
    const item = Items.find(({ pk }) => pk?.S === "job#j0123456789ab");
    expect(Buffer.byteLength(item?.["body"]?.S ?? "")).toBe(INLINE_RECORD_BYTES);
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    const sizes = Object.entries(item ?? {}).map(
      ([name, { S = "", N = "" }]) => name.length + Buffer.byteLength(S) + N.length,
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(1024);
  });

  it("that are longer are packed, and read as they were", async () => {
    const name = "a name that says the same again and again ".repeat(40);
    const spec = { hash: await store.putDocument("j1", JSON.stringify({ command: [name] })) };
    await store.commit([newJob(aLiveJob("j1", { name, spec }))]);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
    const sizes = Items.map((item) => item["body"]?.B?.byteLength ?? item["text"]?.B?.byteLength ?? 0);
    expect(sizes.filter((size) => size > 0)).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThan(800);
    expect((await store.get("job", ["j1"]))[0]?.name).toBe(name);
    expect(await store.getDocuments([{ job: "j1", hash: spec.hash }])).toEqual([JSON.stringify({ command: [name] })]);
  });

  it("of an ended job of which nothing else is kept are dropped by DynamoDB, and not seen from that time on", async () => {
    const ended = { phase: "live", only: { status: "finished", succeeded: 1, failed: 0 }, wakeAt: now + 5500 } as const;
    const spec = { hash: "in a document" };
    await store.commit([newJob(aJob("j1", ended))]);
    await store.commit([newJob(aJob("j2", { ...ended, spec }))]);
    const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
    const timers = Items.filter(({ pk }) => pk?.S?.startsWith("job#")).map(({ pk, ttl, dpk }) => [
      pk?.S,
      ttl?.N,
      dpk?.S,
    ]);
    expect(timers.toSorted()).toEqual([
      ["job#j1", String(now / 1000 + 6), undefined],
      ["job#j2", undefined, expect.any(String)],
    ]);
    const seen = async () => (await store.list("job", "ann", { limit: 5 })).items.map(({ id }) => id);
    expect(await seen()).toEqual(["j2", "j1"]);
    now += 6000;
    expect(await seen()).toEqual(["j2"]);
    expect(await store.commit([newJob(aJob("j1"))])).toBe("conflict");
  });

  it("of a log carry the time at which DynamoDB may drop them, in seconds", async () => {
    await store.appendChunk(
      { job: "j1", run: "0/s" },
      { offset: 0, data: new Uint8Array(1) },
      { now: 10_000, keepMs: 5_500 },
    );
    const { Items } = await client.send(new ScanCommand({ TableName: table }));
    expect(Items?.map((item) => item["ttl"])).toEqual([{ N: "16" }]);
  });
});

describe("what a call costs in requests", () => {
  it("a commit is one, once its queue and owner are noted for 15 minutes, and its class for ten seconds", async () => {
    await store.commit([newJob(aLiveJob("j1"))]);
    const again = (id: string) => during(() => store.commit([newJob(aLiveJob(id))]));
    expect(await again("j2")).toEqual(["PutItem"]);
    now += 11 * SECOND_MS;
    expect(await again("j3")).toEqual(["PutItem", "PutItem"]);
    expect(await again("j4")).toEqual(["PutItem"]);
    now += HOUR_MS;
    expect(await again("j5")).toEqual(["PutItem", "PutItem", "PutItem", "PutItem"]);
  });

  it("ten commits at once share their notes", async () => {
    const ids = Array.from({ length: 10 }, (_, at) => `j${at}`);
    const all = () => Promise.all(ids.map((id) => store.commit([newJob(aLiveJob(id))])));
    expect(await during(all)).toHaveLength(10 + 3);
  });

  it("a record that is written back to its place in the queue needs no note", async () => {
    const slice = aSlice("j1");
    await store.commit([newSlice(slice)]);
    now += MINUTE_MS;
    await store.get("slice", ["j1.0"]);
    expect(await during(() => store.commit([nextSlice(slice)]))).toEqual(["PutItem"]);
    await store.get("slice", ["j1.0"]);
    const moved = nextSlice({ ...slice, version: 2 }, { class: "other" });
    expect(await during(() => store.commit([moved]))).toEqual(["PutItem", "PutItem"]);
  });

  it("a booking is one, for an account that is idle and for one that is ahead", async () => {
    const book = (at: number) => during(() => store.reserve("ann", { costMs: 100, now: at, maxLeadMs: 1e6 }));
    expect(await book(1000)).toEqual(["UpdateItem"]);
    expect(await book(1001)).toEqual(["UpdateItem"]);
    expect(await book(9000)).toEqual(["UpdateItem"]);
  });

  it("many bookings at once are two: the first, and all that came meanwhile", async () => {
    const book = () => store.reserve("ann", { costMs: 100, now: 1000, maxLeadMs: 1e6 });
    const all = () => Promise.all(Array.from({ length: 50 }, book));
    expect(await during(all)).toEqual(["UpdateItem", "UpdateItem"]);
    expect(await book()).toBe(1000 + 50 * 100);
  });

  it("a claim's search is one", async () => {
    const search = () => store.findClaimable({ queue: "q", classes: ["c"] }, { limit: store.claimWindow });
    expect(await during(search)).toEqual(["Query"]);
  });
});

describe("the directory of classes", () => {
  it("forgets a class in which nothing has waited for a day", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await store.commit([newJob(aLiveJob("j2", { class: "other" }))]);
    await store.commit([nextJob(job, { only: { status: "finished", succeeded: 1, failed: 0 } })]);
    expect(await store.listClasses("q")).toEqual(["c", "other"]);
    now += 25 * HOUR_MS;
    expect(await store.listClasses("q")).toEqual(["other"]);
    expect(await during(() => store.listClasses("q"))).toEqual(["Query"]);
    await store.commit([newJob(aLiveJob("j3"))]);
    expect(await store.listClasses("q")).toEqual(["c", "other"]);
  });

  it("forgets a queue in which nothing has waited for a day", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await store.commit([newJob(aLiveJob("j2", { queue: "q2" }))]);
    await store.commit([nextJob(job, { only: { status: "finished", succeeded: 1, failed: 0 } })]);
    expect(await store.listQueues()).toEqual(["q", "q2"]);
    now += 25 * HOUR_MS;
    expect(await store.listQueues()).toEqual(["q2"]);
    await store.commit([newJob(aLiveJob("j3"))]);
    expect(await store.listQueues()).toEqual(["q", "q2"]);
  });

  it("knows a class that another process filled", async () => {
    const other = createDynamoStore({ client: dynamo.connect(), table });
    await other.commit([newJob(aLiveJob("j1"))]);
    await other.commit([newJob(aJob("j2", { owner: "bob" }))]);
    await other.close();
    expect(await store.listClasses("q")).toEqual(["c"]);
    expect((await store.list("job", undefined, { limit: 5 })).items.map(({ id }) => id)).toEqual(["j2", "j1"]);
  });
});

describe("an empty class", () => {
  const look = async (classes: string[]) => {
    await store.listClasses("q");
    return (await store.findClaimable({ queue: "q", classes }, { limit: 5 })).items.map(({ job }) => job);
  };
  const end = (job: ReturnType<typeof aLiveJob>) =>
    store.commit([nextJob(job, { only: { status: "finished", succeeded: 1, failed: 0 } })]);
  const elsewhere = async (work: (other: Store) => Promise<unknown>) => {
    const other = createDynamoStore({ client: dynamo.connect(), table, clock: () => now });
    await work(other);
    await other.close();
  };

  it("is looked at for 20 seconds after a note, and then not until it is noted again", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await end(job);
    for (const seconds of [0, 1, 10, 10]) {
      now += seconds * SECOND_MS;
      expect(await during(() => look(["c"]))).toEqual(["Query", "Query"]);
    }
    expect(await during(() => look(["c"]))).toEqual(["Query"]);
    now += 24 * MINUTE_MS;
    expect(await during(() => look(["c"]))).toEqual(["Query"]);
    await elsewhere((other) => other.commit([newJob(aLiveJob("j2"))]));
    expect(await look(["c"])).toEqual(["j2"]);
  });

  it("is looked at by many claims of one process twice a second", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await end(job);
    await look(["c"]);
    now += SECOND_MS;
    const claims = async () => {
      for (let claim = 0; claim < 20; claim += 1) await look(["c"]);
    };
    expect(await during(claims)).toHaveLength(20 + 1);
    now += SECOND_MS / 2;
    expect(await during(claims)).toHaveLength(20 + 1);
  });

  it("into which this process itself puts a job is looked at, noted again or not", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await end(job);
    await look(["c"]);
    now += SECOND_MS;
    expect(await look(["c"])).toEqual([]);
    expect(await during(() => store.commit([newJob(aLiveJob("j2"))]))).toEqual(["PutItem"]);
    expect(await look(["c"])).toEqual(["j2"]);
  });

  it("of one worker is quiet for itself alone, and for five minutes", async () => {
    await store.commit([newJob(aLiveJob("j1", { class: "@w1" }))]);
    expect(await look(["@w2"])).toEqual([]);
    now += 21 * SECOND_MS;
    expect(await look(["@w2"])).toEqual([]);
    expect(await during(() => look(["@w2"]))).toEqual(["Query"]);
    expect(await look(["@w1"])).toEqual(["j1"]);
    now += 5 * MINUTE_MS;
    expect(await during(() => look(["@w2"]))).toEqual(["Query", "Query"]);
  });

  it("is looked at by whoever asks for the next of it, every five minutes, and what waits is noted as often", async () => {
    const next = async () => {
      await store.listClasses("q");
      return store.findNext({ queue: "q", class: "c" });
    };
    const job = aLiveJob("j1");
    await elsewhere((other) => other.commit([newJob(job)]));
    expect(await during(next)).toEqual(["Query", "Query", "PutItem"]);
    expect(await next()).toEqual({ job: "j1", class: "c", order: 0 });
    now += MINUTE_MS;
    expect(await during(next)).toEqual(["Query", "Query"]);
    now += 5 * MINUTE_MS;
    expect(await during(next)).toEqual(["Query", "Query", "PutItem"]);
    await elsewhere((other) => other.commit([nextJob(job, { only: { status: "finished", succeeded: 1, failed: 0 } })]));
    await next();
    now += MINUTE_MS;
    expect(await next()).toBeUndefined();
    expect(await during(next)).toEqual(["Query"]);
    now += 5 * MINUTE_MS;
    expect(await during(next)).toEqual(["Query", "Query"]);
  });
});
