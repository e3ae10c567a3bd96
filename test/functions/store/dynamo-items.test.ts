import { type DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { INLINE_RECORD_BYTES } from "../../../contract/limits.ts";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import type { Store } from "../../../functions/store/port.ts";
import { type Dynamo, startDynamo } from "./dynamo-server.ts";
import { aJob, aLiveJob, aSlice, aToken, newJob, newSlice, nextJob, nextSlice } from "./records.ts";

const HOUR_MS = 3_600_000;

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
    await store.appendChunk("s", { offset: 0, data: new Uint8Array(1) }, { now: 10_000, keepMs: 5_500 });
    const { Items } = await client.send(new ScanCommand({ TableName: table }));
    expect(Items?.map((item) => item["ttl"])).toEqual([{ N: "16" }]);
  });
});

describe("what a call costs in requests", () => {
  it("a commit is one, once its queue, class and owner are noted for the hour", async () => {
    await store.commit([newJob(aLiveJob("j1"))]);
    const again = (id: string) => during(() => store.commit([newJob(aLiveJob(id))]));
    expect(await again("j2")).toEqual(["PutItem"]);
    now += HOUR_MS + 1;
    expect(await again("j3")).toEqual(["PutItem", "PutItem", "PutItem", "PutItem"]);
    expect(await again("j4")).toEqual(["PutItem"]);
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
  const MINUTE_MS = 60_000;
  const look = async (classes: string[]) => {
    await store.listClasses("q");
    return (await store.findClaimable({ queue: "q", classes }, { limit: 5 })).items.map(({ job }) => job);
  };

  it("is looked at once when its note has run out, and again when something was noted since", async () => {
    const job = aLiveJob("j1");
    await store.commit([newJob(job)]);
    await store.commit([nextJob(job, { only: { status: "finished", succeeded: 1, failed: 0 } })]);
    expect(await during(() => look(["c"]))).toEqual(["Query", "Query"]);
    now += 17 * MINUTE_MS;
    expect(await during(() => look(["c"]))).toEqual(["Query", "Query"]);
    expect(await during(() => look(["c"]))).toEqual(["Query"]);
    const other = createDynamoStore({ client: dynamo.connect(), table, clock: () => now });
    await other.commit([newJob(aLiveJob("j2"))]);
    await other.close();
    expect(await look(["c"])).toEqual(["j2"]);
  });

  it("of one worker is quiet for itself alone", async () => {
    await store.commit([newJob(aLiveJob("j1", { class: "@w1" }))]);
    now += 17 * MINUTE_MS;
    expect(await look(["@w2"])).toEqual([]);
    expect(await during(() => look(["@w2"]))).toEqual(["Query"]);
    expect(await look(["@w1"])).toEqual(["j1"]);
  });
});
