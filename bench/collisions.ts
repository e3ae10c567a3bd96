// 64 claimers on one queue of the DynamoDB store, each busy for a moment with what it claimed: how often they meet, beside what docs/cost.md
// expects, and whether anything is ever claimed twice. DynamoDB Local stands in for DynamoDB (Java, Maven): its indexes do not lag, so that all
// that is left is the time between a claimer's read and its write. Each claimer has a world of its own, like 64 Lambdas.
// node --import ./scripts/ts.mjs bench/collisions.ts [JOBS [BUSY_MS]]
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../contract/client.ts";
import type { Lease } from "../contract/worker.ts";
import type { Store } from "../functions/store/port.ts";
import { type Cloud, openCloud } from "./support/cloud.ts";
import { type Dynamo, withDynamoDbLocalTable } from "./support/dynamo.ts";
import { createReport } from "./support/emit.ts";
import { median } from "./support/numbers.ts";

const CLAIMERS = 64;
const ROUNDS = 3;
const BATCH = 100;
const MOST_RATIO = 2;
/** Jobs that stay in the queue, so that the last claims have a window to choose from as well. */
const SPARE = 200;
const WARM_UP = 500;
const SPEC = { command: ["true"] };

type Seen = {
  /** Candidates that somebody else had: seen before the write, or by a write that failed, after which they are read again. */
  taken: number;
  failed: number;
  /** From the question for a page of the queue, which is older than its answer, to the write of the claim. */
  windowsMs: number[];
};
type Claimer = { cloud: Cloud; client: Client; id: string };

/** And for how long a claimer is busy with what it claimed, on average: less means more of them between reading and writing. */
const [jobs = 20_000, busyMs = 800] = process.argv.slice(2).map(Number);
const report = createReport("collisions");
let seen = newSeen();
let dynamo: Dynamo;
const claimers: Claimer[] = [];
await withDynamoDbLocalTable(async (local) => {
  dynamo = local;
  try {
    for (let n = 0; n < CLAIMERS; n += 1) claimers.push(await openClaimer(n));
    await measureSingles();
    await measureArray();
  } finally {
    for (const { cloud } of claimers) await cloud.close();
  }
});

async function measureSingles(): Promise<void> {
  const submitter = await submitterOf(claimers);
  for (let left = jobs + SPARE; left > 0; left -= BATCH) {
    await submitter.create({ jobs: Array.from({ length: Math.min(BATCH, left) }, () => ({ spec: SPEC })) });
  }
  // The first claims of a cold engine are none to judge by.
  const claimed = (await race("singles, to warm up", WARM_UP)).leases.map(({ job }) => job);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { leases, ratio } = await race(`singles, round ${round + 1}`, Math.ceil((jobs - WARM_UP) / ROUNDS));
    claimed.push(...leases.map(({ job }) => job));
    ratios.push(ratio);
  }
  report({
    figure: "failures beside the formula",
    value: median(ratios),
    unit: "×",
    bar: { atMost: MOST_RATIO },
    ratios,
  });
  tellTwice("jobs", claimed);
  await cancelAll(submitter);
}

/** A slice has room for 8 leases, and each claim is a change of its one record, so that claimers meet who would all find room. */
async function measureArray(): Promise<void> {
  const submitter = await submitterOf(claimers);
  await submitter.create({ jobs: [{ spec: { ...SPEC, array: { start: 0, step: 1, count: 5000 } } }] });
  const { leases } = await race("an array of 157 slices", 1000);
  tellTwice(
    "tasks",
    leases.flatMap(({ job, from, upTo }) => Array.from({ length: upTo - from }, (_, at) => `${job}.${from + at}`)),
  );
}

/** All claim at once, one lease each time, until there are so many. */
async function race(figure: string, most: number): Promise<{ leases: Lease[]; ratio: number }> {
  seen = newSeen();
  const leases: Lease[] = [];
  let begun = 0;
  const began = performance.now();
  await Promise.all(
    claimers.map(async ({ client, id }) => {
      await sleep(2 * busyMs * Math.random());
      while (begun < most) {
        begun += 1;
        const answer = await client.claim({ worker: id, leases: 1 });
        if (answer.leases.length === 0) begun -= 1;
        leases.push(...answer.leases);
        await sleep(2 * busyMs * Math.random());
      }
    }),
  );
  const perSecond = leases.length / ((performance.now() - began) / 1000);
  const windowMs = seen.windowsMs.reduce((sum, ms) => sum + ms, 0) / seen.windowsMs.length;
  const window = claimers[0]?.cloud.store.claimWindow ?? Number.NaN;
  const formula = (perSecond * windowMs) / 1000 / window;
  const { taken, failed } = seen;
  const value = Math.max(taken, failed) / leases.length;
  report({
    figure,
    value,
    unit: "failures a claim",
    formula,
    perSecond,
    windowMs,
    claims: leases.length,
    taken,
    failed,
  });
  return { leases, ratio: value / formula };
}

function tellTwice(unit: string, all: readonly string[]): void {
  const value = all.length - new Set(all).size;
  report({ figure: `${unit} claimed twice`, value, unit, claims: all.length, bar: { atMost: 0 } });
}

async function openClaimer(number: number): Promise<Claimer> {
  const cloud = await openCloud({ dynamo, watch });
  const client = await cloud.as("worker");
  const id = `w${String(number).padStart(12, "0")}`;
  const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "none" } as const;
  await client.register({ ...machine, id, name: id, slots: 1 });
  return { cloud, client, id };
}

async function submitterOf([first]: readonly Claimer[]): Promise<Client> {
  if (!first) throw new Error("no claimer");
  return first.cloud.as("submitter");
}

async function cancelAll(submitter: Client): Promise<void> {
  for (let left = SPARE; left > 0; left -= BATCH) {
    const { items } = await submitter.list({ limit: BATCH, status: "available" });
    if (items.length > 0) await submitter.cancel({ ids: items.map(({ id }) => String(id)) });
  }
}

function newSeen(): Seen {
  return { taken: 0, failed: 0, windowsMs: [] };
}

/** Notes how long the candidates of a claim were known when one was written, and those that somebody else had taken. */
function watch(store: Store): Store {
  let pageAt = 0;
  return {
    ...store,
    async findClaimable(...wanted) {
      pageAt = performance.now();
      return store.findClaimable(...wanted);
    },
    async get(kind, ids) {
      const records = await store.get(kind, ids);
      for (const record of records) {
        const only = record && "only" in record ? record.only : undefined;
        if (kind === "job" && only && (only.open ?? []).length === 0) seen.taken += 1;
      }
      return records;
    },
    async commit(changes) {
      const answer = await store.commit(changes);
      if (changes.some((change) => "kind" in change && (change.kind === "job" || change.kind === "slice"))) {
        if (answer === "conflict") seen.failed += 1;
        else seen.windowsMs.push(performance.now() - pageAt);
      }
      return answer;
    },
  };
}
