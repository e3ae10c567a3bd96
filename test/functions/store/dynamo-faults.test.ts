import {
  type DynamoDBClient,
  DynamoDBServiceException,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDynamoStore } from "../../../functions/store/dynamo.ts";
import type { Store } from "../../../functions/store/port.ts";
import { type Dynamo, hasTransactions, startDynamo } from "./dynamo-server.ts";
import { aJob, aLiveJob, newJob, nextJob } from "./records.ts";

let dynamo: Dynamo;
let table: string;
let drop: () => Promise<void>;
let client: DynamoDBClient;
let store: Store;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.stop());
beforeEach(async () => {
  ({ table, drop } = await dynamo.addTable());
  client = dynamo.connect({ maxAttempts: 2 });
  store = createDynamoStore({ client, table });
});
afterEach(async () => {
  await store.close();
  await drop();
});

type Fault = (send: () => Promise<ServiceOutputTypes>, input: ServiceInputTypes) => Promise<ServiceOutputTypes>;

/** Stands between the SDK, with its retries, and the wire: the first requests of one kind meet these faults, later ones none. */
function meet(command: string, ...faults: Fault[]): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const fault = context["commandName"] === `${command}Command` ? faults.shift() : undefined;
      if (!fault) return next(args);
      let result: Awaited<ReturnType<typeof next>> | undefined;
      const output = await fault(async () => {
        result = await next(args);
        if (!result.output) throw new Error("an answer without output");
        return result.output;
      }, args.input);
      return { response: result?.response, output };
    },
    { step: "deserialize", priority: "high" },
  );
}

const answerLost: Fault = async (send) => {
  await send();
  throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
};

const throttled: Fault = async () => {
  throw new DynamoDBServiceException({
    name: "ThrottlingException",
    message: "slow down",
    $fault: "client",
    $metadata: {},
  });
};

const inTransaction: Fault = async () => {
  throw new TransactionConflictException({ message: "another transaction is under way", $metadata: {} });
};

describe("a write whose answer was lost and that the SDK repeats", () => {
  it("is told as done when the record is the one that we wrote", async () => {
    meet("PutItem", (send) => send(), answerLost);
    expect(await store.commit([newJob(aJob("j1"))])).toBe("ok");
    expect((await store.get("job", ["j1"]))[0]?.version).toBe(1);
  });

  it("is told as a conflict when it is somebody else's", async () => {
    await store.commit([newJob(aJob("j1", { name: "theirs" }))]);
    meet("PutItem", async () => {
      throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    });
    expect(await store.commit([newJob(aJob("j1", { name: "ours" }))])).toBe("conflict");
    expect((await store.get("job", ["j1"]))[0]?.name).toBe("theirs");
  });

  it("is told as done when the record that it removes is gone", async () => {
    await store.commit([newJob(aJob("j1"))]);
    meet("DeleteItem", answerLost);
    expect(await store.commit([{ kind: "job", remove: "j1", expect: 1 }])).toBe("ok");
  });

  const itHere = hasTransactions ? it : it.fails;
  itHere(`${hasTransactions ? "" : "known gap: "}is one and the same transaction`, async () => {
    const first = aJob("j1");
    await store.commit([newJob(first)]);
    meet("TransactWriteItems", answerLost);
    expect(await store.commit([nextJob(first), newJob(aJob("j2"))])).toBe("ok");
    expect((await store.get("job", ["j1", "j2"])).map((job) => job?.version)).toEqual([2, 1]);
  });

  it("is a conflict without a doubt when nothing was repeated, be the record the same", async () => {
    await store.commit([newJob(aJob("j1"))]);
    expect(await store.commit([newJob(aJob("j1"))])).toBe("conflict");
  });
});

describe("a DynamoDB that is busy or away", () => {
  it("is waited for while another transaction holds the record", async () => {
    await store.commit([newJob(aJob("j1"))]);
    meet("PutItem", inTransaction, inTransaction);
    expect(await store.commit([nextJob(aJob("j1"))])).toBe("ok");
  });

  it("is given up as unavailable when that does not end", async () => {
    await store.commit([newJob(aJob("j1"))]);
    meet("PutItem", ...Array.from({ length: 20 }, () => inTransaction));
    await expect(store.commit([nextJob(aJob("j1"))])).rejects.toMatchObject({
      code: "unavailable",
      retryAfterMs: expect.any(Number),
    });
  });

  it("that throttles longer than the SDK waits is unavailable, with a time to come back", async () => {
    meet("BatchGetItem", ...Array.from({ length: 20 }, () => throttled));
    await expect(store.get("job", ["j1"])).rejects.toMatchObject({
      code: "unavailable",
      retryAfterMs: expect.any(Number),
    });
  });

  it("that takes no note takes no record either, and is asked again for both", async () => {
    // Tried once only, so that all have failed when the first failure is told.
    await store.close();
    client = dynamo.connect({ maxAttempts: 1 });
    store = createDynamoStore({ client, table });
    // Of the queue, of the class and of the owner.
    meet("PutItem", throttled, throttled, throttled);
    await expect(store.commit([newJob(aLiveJob("j1"))])).rejects.toMatchObject({ code: "unavailable" });
    expect(await store.get("job", ["j1"])).toEqual([undefined]);
    expect(await store.listClasses("q")).toEqual([]);
    await store.commit([newJob(aLiveJob("j1"))]);
    expect(await store.listClasses("q")).toEqual(["c"]);
  });

  it("that does not answer is unavailable", async () => {
    const gone = createDynamoStore({
      client: dynamo.connect({ endpoint: "http://127.0.0.1:9", maxAttempts: 1 }),
      table,
    });
    await expect(gone.get("job", ["j1"])).rejects.toMatchObject({ code: "unavailable" });
    await gone.close();
  });

  it("without the table is our own mistake, not a passing one", async () => {
    const wrong = createDynamoStore({ client: dynamo.connect(), table: "no-such-table" });
    await expect(wrong.get("job", ["j1"])).rejects.toMatchObject({ code: "internal" });
    await wrong.close();
  });
});

describe("a batch of which DynamoDB leaves a part undone", () => {
  it("is read to its end", async () => {
    for (const id of ["j1", "j2", "j3"]) await store.commit([newJob(aJob(id))]);
    const half: Fault = async (_, input) => {
      const wanted = "RequestItems" in input ? input.RequestItems?.[table] : undefined;
      if (!wanted || !("Keys" in wanted)) throw new Error("not a BatchGetItem");
      const request = { ...wanted, Keys: wanted.Keys?.slice(1) };
      return { Responses: {}, UnprocessedKeys: { [table]: request }, $metadata: {} };
    };
    // The first answer holds nothing and forgets j1, so that what was left over is all that can be found.
    meet("BatchGetItem", half);
    expect((await store.get("job", ["j1", "j2", "j3"])).map((job) => job?.id)).toEqual([undefined, "j2", "j3"]);
  });

  it("is removed to its end", async () => {
    const stream = { job: "j1", run: "0/s" };
    const chunk = (offset: number) => ({ offset, data: new Uint8Array(1) });
    for (const offset of [0, 1, 2]) await store.appendChunk(stream, chunk(offset), { now: 1, keepMs: 1 });
    const none: Fault = async (_, input) => {
      const wanted = "RequestItems" in input ? input.RequestItems?.[table] : undefined;
      if (!Array.isArray(wanted)) throw new Error("not a BatchWriteItem");
      return { UnprocessedItems: { [table]: wanted }, $metadata: {} };
    };
    meet("BatchWriteItem", none, none);
    await store.removeBelongings("j1");
    expect(await store.readChunks(stream, 0, 10)).toEqual([]);
  });
});
