// The embedded store: commits a second with 1 and 32 in flight, and a claim with 10 and with 200,000 single jobs queued.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job } from "../functions/domain/records.ts";
import type { Store } from "../functions/store/port.ts";
import { createSqliteStore } from "../functions/store/sqlite.ts";

const MAX_RATIO = 1.4;
const ROUNDS = 5;
const CLAIMS_PER_ROUND = 300;
const COMMITS = 4000;
const place = { queue: "q", class: "c" };
const leases = {
  l0123456789ab: {
    from: 0,
    upTo: 1,
    tries: 0,
    crashes: 0,
    worker: "w1",
    expiresAt: 1,
    renewed: false,
    phase: "executing",
  },
} as const;

const dir = await mkdtemp(join(tmpdir(), "rendt-bench-"));
try {
  const empty = createSqliteStore({ file: join(dir, "commits.db") });
  for (const inFlight of [1, 32]) report({ bench: "store.commits", inFlight, ...(await commits(empty, inFlight)) });
  await empty.close();

  const [few, many] = [await queued(10), await queued(200_000)];
  const [atFew, atMany]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    atFew.push(median(await claims(few)));
    atMany.push(median(await claims(many)));
  }
  const ratio = median(atMany) / median(atFew);
  report({ bench: "store.claim", queued: 10, medianMs: round(median(atFew)) });
  report({
    bench: "store.claim",
    queued: 200_000,
    medianMs: round(median(atMany)),
    ratio: round(ratio),
    maxRatio: MAX_RATIO,
  });
  if (ratio > MAX_RATIO) process.exitCode = 1;
  const opened = await reopened(many, join(dir, "200000.db"));
  report({ bench: "store.open", queued: 200_000, ms: round(opened) });
  await few.close();
} finally {
  await rm(dir, { recursive: true });
}

/** New jobs one by one: `inFlight` callers, each waiting for its answer before the next. */
async function commits(store: Store, inFlight: number): Promise<{ perSecond: number; p95Ms: number }> {
  const times: number[] = [];
  let next = 0;
  async function caller(): Promise<void> {
    for (let n = next++; n < COMMITS; n = next++) {
      const start = performance.now();
      await store.commit([{ kind: "job", put: job(`j${inFlight}-${n}`), expect: "absent" }]);
      times.push(performance.now() - start);
    }
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, caller));
  const seconds = (performance.now() - start) / 1000;
  const p95 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
  return { perSecond: Math.round(COMMITS / seconds), p95Ms: round(p95) };
}

async function queued(count: number): Promise<Store> {
  const store = createSqliteStore({ file: join(dir, `${count}.db`) });
  for (let from = 0; from < count; from += 100) {
    const ids = Array.from({ length: Math.min(100, count - from) }, (_, n) => shuffled(from + n));
    await store.commit(ids.map((id) => ({ kind: "job", put: job(id), expect: "absent" })));
  }
  return store;
}

/** Find, read, lease; giving the job back is not timed. */
async function claims(store: Store): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < CLAIMS_PER_ROUND; n++) {
    const start = performance.now();
    const [found] = (
      await store.findClaimable({ queue: place.queue, classes: [place.class] }, { limit: store.claimWindow })
    ).items;
    const [seen] = await store.get("job", [found?.job ?? ""]);
    if (!seen?.only) throw new Error("no claimable job was found");
    const held: Job = { ...seen, version: seen.version + 1, wakeAt: 60_000, only: { ...seen.only, open: [], leases } };
    await commit(store, held);
    times.push(performance.now() - start);
    const { wakeAt: _, ...rest } = held;
    await commit(store, { ...rest, version: held.version + 1, only: seen.only });
  }
  return times;
}

async function commit(store: Store, put: Job): Promise<void> {
  const answer = await store.commit([{ kind: "job", put, expect: put.version - 1 }]);
  if (answer !== "ok") throw new Error(`job ${put.id} was not committed: ${answer}`);
}

/** With its check of the whole file. */
async function reopened(store: Store, file: string): Promise<number> {
  await store.close();
  const start = performance.now();
  await createSqliteStore({ file }).close();
  return performance.now() - start;
}

/** Ids are random in life; here they are the same in every run. */
function shuffled(n: number): string {
  return `j${((n * 2_654_435_761) % 4_294_967_296).toString(32).padStart(12, "0")}`;
}

function job(id: string): Job {
  return {
    v: 1,
    id,
    owner: "ann",
    version: 1,
    round: 0,
    phase: "live",
    requestHash: "0".repeat(64),
    spec: { inline: { command: ["true"] } },
    count: 1,
    slices: 1,
    ...place,
    order: 1_700_000_000_000,
    keepMs: 60_000,
    times: { createdAt: 1_700_000_000_000, releasedAt: 1_700_000_000_000 },
    only: { status: "open", open: [{ from: 0, upTo: 1, tries: 0, crashes: 0 }], succeeded: 0, failed: 0 },
  };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function report(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
}
