// 1,000 workers and a queue of 64 classes: what it costs to decide which classes a worker may take, and what a claim reads when there is
// nothing to do: over SQLite with every class full of work that does not fit, and over DynamoDB's stand-in just after the classes became empty, and a minute later.
// node --import ./scripts/ts.mjs bench/matching.ts
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JobSpec } from "../contract/job.ts";
import { createRoom } from "../functions/actions/room.ts";
import { demandOf } from "../functions/domain/demand.ts";
import { fits, type Machine } from "../functions/domain/match.ts";
import type { Store } from "../functions/store/port.ts";
import { createSqliteStore } from "../functions/store/sqlite.ts";
import { type Cloud, openCloud } from "./support/cloud.ts";
import { createReport } from "./support/emit.ts";
import { median, percentile } from "./support/numbers.ts";

const WORKERS = 1000;
const CLASSES = 64;
const ROUNDS = 50;
const MIB = 1024 * 1024;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const report = createReport("matching");

/** What a worker says of itself; whose it is, the server knows. */
type Said = Omit<Machine, "account">;

/** Sizes and tags in all combinations that there are room for. */
const asking = (at: number) => ({
  limits: { cpus: 1 + (at % 16), memoryBytes: (1 + (at >> 2)) * 1024 * MIB },
  tags: ["linux", ...(at % 3 === 0 ? ["python3>=3.11"] : []), ...(at % 5 === 0 ? ["ffmpeg"] : [])],
});
const workers = Array.from(
  { length: WORKERS },
  (_, at): Said => ({
    ...{ sandbox: "none", os: "linux", arch: "x64", diskBytes: 100_000 * MIB },
    ...{ cpus: 1 + (at % 32), memoryBytes: (1 + (at % 64)) * 1024 * MIB },
    tags: [`python3=3.${at % 14}.2`, "node=20.19.0", ...(at % 2 === 0 ? ["ffmpeg=6.0"] : [])],
  }),
);

decide();
await claimEmbedded();
await claimInCloud();

/** All classes of the queue against one worker and what it has left. */
function decide(): void {
  const classes = Array.from({ length: CLASSES }, (_, at) => demandOf(asking(at)));
  const times: number[] = [];
  let taken = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const said of workers) {
      const worker: Machine = { ...said, account: "ann" };
      const began = performance.now();
      const room = createRoom({ cpus: 4, gpus: 0, memoryBytes: 8192 * MIB, diskBytes: 100_000 * MIB });
      for (const [order, name] of classes.entries()) if (fits(name, worker) && room.admits(name, order)) taken += 1;
      times.push((performance.now() - began) * 1000);
    }
  }
  const facts = { workers: WORKERS, classes: new Set(classes).size, p99: percentile(times, 0.99), taken };
  report({ figure: "matching decision", value: median(times), unit: "µs", bar: { atMost: 50 }, ...facts });
}

/** Everything that waits is too large for everybody; the app over SQLite, without a network between. */
async function claimEmbedded(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
  const counted = countReads();
  const sqlite = createSqliteStore({ file: join(folder, "rendt.db") });
  const cloud = await openCloud({ watch: () => counted.watch(sqlite) });
  try {
    await fill(cloud, (at) => ({ cpus: 1000 + at }));
    const claim = await openClaims(cloud, WORKERS);
    // A worker's record is believed for a minute: the first claim of each has read it.
    for (let at = 0; at < WORKERS; at += 1) await claim(at);
    counted.reads = 0;
    const times: number[] = [];
    for (let at = 0; at < WORKERS; at += 1) {
      const began = performance.now();
      await claim(at);
      times.push(performance.now() - began);
    }
    const facts = { workers: WORKERS, classes: CLASSES, median: median(times), p95: percentile(times, 0.95) };
    const value = counted.reads / WORKERS;
    report({ figure: "idle claim over SQLite", value, unit: "store reads", bar: { atMost: 2 }, ms: facts });
  } finally {
    await cloud.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** 64 classes whose work is gone, in one of the two queues of a worker that fits them all: what its claims read when it comes as it is told. */
async function claimInCloud(): Promise<void> {
  const cloud = await openCloud();
  try {
    await (await cloud.as("submitter")).cancel({ ids: await fill(cloud, (at) => ({ diskBytes: (1 + at) * MIB })) });
    const claim = await openClaims(cloud, 1, { sandbox: "strict" });
    await claim(0);
    const [ended, before] = [cloud.clock(), cloud.bill().requests];
    const claims: number[] = [];
    const readsOfClaim = async () => {
      const { requests } = cloud.bill();
      const { retryAfterMs } = await claim(0, cloud.clock() - ended);
      claims.push(cloud.bill().requests - requests);
      return retryAfterMs;
    };
    cloud.pass(SECOND);
    while (cloud.clock() < ended + MINUTE) cloud.pass(await readsOfClaim());
    const [atOnce = 0] = claims;
    const minute = { claims: claims.length, reads: cloud.bill().requests - before };
    // Token, worker and quotas are remembered for a minute: the first claim after it reads them again.
    await readsOfClaim();
    cloud.pass(SECOND);
    await readsOfClaim();
    const [withRecords = 0, later = 0] = claims.slice(-2);
    const about = { unit: "store reads", classes: CLASSES, queues: 2 };
    report({ figure: "idle claim over DynamoDB, work was there a second ago", value: atOnce, ...about });
    const facts = { bar: { atMost: 2 }, withRecords, minute };
    report({ figure: "idle claim over DynamoDB, a minute later", value: later, ...about, ...facts });
  } finally {
    await cloud.close();
  }
}

async function openClaims(cloud: Cloud, count: number, more: Partial<Said> = {}) {
  const worker = await cloud.as("worker");
  const idOf = (at: number) => `w${String(at).padStart(12, "0")}`;
  for (const [at, { tags, ...machine }] of workers.slice(0, count).entries())
    await worker.register({ ...machine, ...more, tags, id: idOf(at), name: `box ${at}`, slots: 4, version: "0.1.0" });
  return async (at: number, idleMs?: number) => {
    const answer = await worker.claim({ worker: idOf(at), leases: 1, ...(idleMs !== undefined && { idleMs }) });
    if (answer.leases.length > 0) throw new Error("nothing was to fit");
    return answer;
  };
}

/** A job of each class. */
async function fill(cloud: Cloud, limitsOf: (at: number) => JobSpec["limits"]): Promise<string[]> {
  const submitter = await cloud.as("submitter");
  const jobs = Array.from({ length: CLASSES }, (_, at) => ({
    spec: { command: ["true"], limits: limitsOf(at) },
  }));
  const { items } = await submitter.create({ jobs });
  return items.map((item) => {
    if ("error" in item) throw new Error(`not created: ${JSON.stringify(item)}`);
    return item.id;
  });
}

function countReads() {
  const counted = {
    reads: 0,
    watch: (store: Store): Store => ({
      ...store,
      get(...wanted) {
        counted.reads += 1;
        return store.get(...wanted);
      },
      list(...wanted) {
        counted.reads += 1;
        return store.list(...wanted);
      },
      listClasses(...wanted) {
        counted.reads += 1;
        return store.listClasses(...wanted);
      },
      findClaimable(...wanted) {
        counted.reads += 1;
        return store.findClaimable(...wanted);
      },
      counts(...wanted) {
        counted.reads += 1;
        return store.counts(...wanted);
      },
    }),
  };
  return counted;
}
