import { randomBytes } from "node:crypto";
import type { Store } from "../../../functions/store/port.ts";
import { aJob, aLiveJob, aSlice, aToken, aTombstone, newJob, newSlice, nextJob, nextSlice } from "./records.ts";

const OPEN = { status: "open", open: [{ from: 0, upTo: 1, tries: 0, crashes: 0 }], succeeded: 0, failed: 0 } as const;
const ENDED = { status: "finished", succeeded: 1, failed: 0 } as const;

/** Every kind of request that the store makes, records that come, move, grow, shrink and go, and conditions that do not hold. */
export async function useEverything(store: Store, { transactions }: { transactions: boolean }): Promise<void> {
  const [job, short] = [aLiveJob("j1"), aJob("j2")];
  await store.commit([newJob(job)]);
  await store.commit([newJob(short)]);
  await store.commit([newJob(short)]);
  await store.commit([nextJob(job, { only: { ...OPEN, open: [], cap: 1 }, wakeAt: 50 })]);
  await store.commit([nextJob({ ...job, version: 2 }, { only: ENDED, wakeAt: 90 })]);
  await store.commit([nextJob({ ...job, version: 2 }, { name: randomBytes(5000).toString("base64") })]);
  await store.commit([nextJob(short, { name: randomBytes(2400).toString("base64") })]);
  await store.commit([nextJob({ ...short, version: 2 }, { name: "short again" })]);
  await store.commit([{ kind: "token", put: aToken("t1"), expect: "absent" }]);
  await store.commit([{ kind: "tombstone", put: aTombstone("j9", 7), expect: "absent" }]);
  await store.commit([{ kind: "tombstone", remove: "j9", expect: 1 }]);
  await store.commit([{ kind: "tombstone", remove: "j9", expect: 1 }]);
  const slice = aSlice("j3", { wakeAt: 5 });
  await store.commit([newSlice(slice)]);
  await store.commit([nextSlice(slice, { wakeAt: 6 })]);
  if (transactions) {
    const twin = aSlice("j3", { number: 1, wakeAt: 8 });
    await store.commit([nextSlice({ ...slice, version: 2 }, { status: "finished", open: [] }), newSlice(twin)]);
    await store.commit([nextSlice({ ...slice, version: 2 }), nextSlice(twin)]);
    await store.commit([{ kind: "job", remove: "j2", expect: 3 }, nextSlice(twin, { wakeAt: 9 })]);
  }

  await store.get("job", ["j1", "j2", "j404"]);
  await store.putDocument("j1", JSON.stringify("d".repeat(3000)));
  const hash = await store.putDocument("j1", JSON.stringify(randomBytes(9000).toString("base64")));
  await store.getDocuments([
    { job: "j1", hash },
    { job: "j1", hash: "0" },
  ]);
  await store.findClaimable({ queue: "q", classes: ["c"] }, { limit: 5 });
  await store.listQueues();
  await store.listClasses("q");
  await store.listClasses("empty");
  await store.findDue(1000, { limit: 5 });
  await store.list("job", "ann", { limit: 5 });
  for (const now of [10, 11, 900]) await store.reserve("ann", { costMs: 100, now, maxLeadMs: 150 });
  const stream = { job: "j2", run: "0/s" };
  await store.appendChunk(stream, { offset: 0, data: new Uint8Array(2500) }, { now: 1, keepMs: 1 });
  await store.appendChunk(stream, { offset: 0, data: new Uint8Array(2500) }, { now: 1, keepMs: 1 });
  await store.readChunks(stream, 0, 9000);
  await store.removeBelongings("j1");
  await store.removeBelongings("j2");
}
