// What the cloud form costs, in dollars: units of the real actions over a metered store, times the price table of docs/cost.md.
// node --import ./scripts/ts.mjs bench/cost.ts
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Client } from "../contract/client.ts";
import type { TaskResult } from "../contract/result.ts";
import type { Lease } from "../contract/worker.ts";
import { oldestWaitingMs } from "../functions/actions/oldest-waiting.ts";
import { type Cloud, openCloud, type Use } from "./support/cloud.ts";
import { createReport } from "./support/emit.ts";
import { dollarsOf, MONTH_S } from "./support/prices.ts";

const SINGLES = 100;
const TASKS = 10_000;
const WORKERS = 8;
const TASK_MS = 1000;
const DAY_S = 86_400;
/** As functions/sweep.ts logs it, in Lambda's format. */
const SWEPT_LINE_BYTES = 190;

/** As a worker measures and sends them of a command that says a short line. */
const usage = { cpuMs: 20, maxRssBytes: 3_600_000 };
const log = { bytes: 24, stdoutBytes: 16, stderrBytes: 0, data: gzipSync(randomBytes(24)).toString("base64") };

const report = createReport("cost");
tell("single inline job: create, claim, finish", await measure(singles), { per: SINGLES, times: 1e6, atMost: 8 });
tell("task of an array of 10,000", await measure(array), { per: TASKS, times: 1e6, atMost: 0.25 });
tell("idle worker, a month", await measure(idle), { per: DAY_S, times: MONTH_S, atMost: 0.05 });
tell("stack at rest, a month: the sweep, each minute", await measure(rest), {
  per: DAY_S,
  times: MONTH_S,
  atMost: 0.1,
});

function tell(figure: string, use: Use, { per, times, atMost }: { per: number; times: number; atMost: number }): void {
  const scaled = Object.fromEntries(Object.entries(use).map(([name, value]) => [name, value / per])) as Use;
  const terms = dollarsOf(scaled);
  const unit = times === 1e6 ? "$ per million" : "$";
  const value = Object.values(terms).reduce((sum, term) => sum + term * times, 0);
  const dollars = Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term * times]));
  report({ figure, value, unit, bar: { atMost }, dollars, use: scaled });
}

async function measure(work: (cloud: Cloud) => Promise<Use>): Promise<Use> {
  const cloud = await openCloud();
  try {
    return await work(cloud);
  } finally {
    await cloud.close();
  }
}

async function register(worker: Client, number = 0): Promise<string> {
  const id = `w00000000000${number}`;
  const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "strict" } as const;
  await worker.register({ ...machine, id, name: "bench", slots: 1 });
  return id;
}

function resultOf(index: number): TaskResult {
  return { index, outcome: "exited", exitCode: 0, durationMs: TASK_MS };
}

/** Each call brings one job; the worker claims and finishes in calls of their own. */
async function singles(cloud: Cloud): Promise<Use> {
  const [submitter, worker] = [await cloud.as("submitter"), await cloud.as("worker")];
  const id = await register(worker);
  const life = async () => {
    await submitter.create({ jobs: [{ spec: { command: ["sh", "-c", "echo a job of usual length > result.txt"] } }] });
    cloud.pass(200);
    const { leases } = await worker.claim({ worker: id, leases: 1 });
    const [lease] = leases;
    if (!lease) throw new Error("nothing to claim");
    cloud.pass(TASK_MS);
    await worker.finish({
      worker: id,
      items: [{ lease: lease.id, from: 0, results: [{ ...resultOf(0), usage, log }] }],
    });
  };
  await life();
  return cloud.used(async () => {
    for (let n = 0; n < SINGLES; n += 1) await life();
  });
}

type Busy = {
  id: string;
  client: Client;
  idleSince: number;
  lease?: Lease | undefined;
  from: number;
  next: number;
  renewAt: number;
};

/** Each worker has one slot, hands in what a lease brought with its end, and asks for the next in the same call. */
async function array(cloud: Cloud): Promise<Use> {
  const submitter = await cloud.as("submitter");
  const workers: Busy[] = [];
  for (let n = 0; n < WORKERS; n += 1) {
    const client = await cloud.as("worker");
    workers.push({
      id: await register(client, n),
      client,
      idleSince: cloud.clock(),
      from: 0,
      next: cloud.clock(),
      renewAt: 0,
    });
  }
  let done = 0;
  const take = (worker: Busy, lease: Lease | undefined, retryMs: number) => {
    worker.lease = lease;
    worker.from = lease?.from ?? 0;
    worker.renewAt = cloud.clock() + 20_000;
    worker.next = cloud.clock() + (lease ? TASK_MS * (lease.upTo - lease.from) : retryMs);
  };
  const step = async (worker: Busy) => {
    const { lease, id, client } = worker;
    if (!lease) {
      const idleMs = cloud.clock() - worker.idleSince;
      const { leases, retryAfterMs } = await client.claim({ worker: id, leases: 1, idleMs });
      return take(worker, leases[0], retryAfterMs);
    }
    if (worker.renewAt < worker.next) {
      await client.renew({ worker: id, leases: [lease.id] });
      worker.renewAt += 20_000;
      return;
    }
    const results = Array.from({ length: lease.upTo - lease.from }, (_, at) => resultOf(lease.from + at));
    done += results.length;
    worker.idleSince = cloud.clock();
    const answer = await client.finish({
      worker: id,
      items: [{ lease: lease.id, from: lease.from, results }],
      leases: 1,
    });
    take(worker, answer.leases[0], answer.retryAfterMs);
  };
  return cloud.used(async () => {
    await submitter.create({ jobs: [{ spec: { command: ["true"], array: { start: 0, step: 1, count: TASKS } } }] });
    while (done < TASKS) {
      const soonest = workers.toSorted((a, b) => timeOf(a) - timeOf(b))[0];
      if (!soonest) break;
      cloud.at(timeOf(soonest));
      await step(soonest);
    }
  });
}

function timeOf({ lease, renewAt, next }: Busy): number {
  return lease ? Math.min(renewAt, next) : next;
}

/** Queues in which something waited once: looking into one is paid for. */
async function waitedOnce(submitter: Client): Promise<void> {
  for (const queue of ["@main", "public"]) {
    const { items } = await submitter.create({ jobs: [{ spec: { command: ["true"], queue } }] });
    await submitter.cancel({ ids: items.map(({ id: job }) => String(job)) });
  }
}

/** A day of polls of a worker without work. */
async function idle(cloud: Cloud): Promise<Use> {
  const [submitter, worker] = [await cloud.as("submitter"), await cloud.as("worker")];
  const id = await register(worker);
  await waitedOnce(submitter);
  const began = cloud.clock();
  return cloud.used(async () => {
    for (const until = cloud.clock() + DAY_S * 1000; cloud.clock() < until; ) {
      const { retryAfterMs } = await worker.claim({ worker: id, leases: 1, idleMs: cloud.clock() - began });
      cloud.pass(retryAfterMs);
    }
  });
}

/** A day of sweeps that find nothing. */
async function rest(cloud: Cloud): Promise<Use> {
  await waitedOnce(await cloud.as("submitter"));
  await cloud.sweep();
  const used = await cloud.used(async () => {
    for (let minute = 0; minute < DAY_S / 60; minute += 1) {
      cloud.pass(60_000);
      await cloud.sweep();
      await oldestWaitingMs(cloud.world);
    }
  });
  return { ...used, requests: DAY_S / 60, logBytes: (DAY_S / 60) * SWEPT_LINE_BYTES };
}
