// A claim over HTTP with 200,000 single jobs queued against one with 10: two servers side by side, five rounds of 300 claims at each.
// The queue is filled through the API, 100 jobs a request; each job that was claimed is finished and replaced outside the measured time.
// node --import ./scripts/ts.mjs bench/claim.ts [MANY]
import { createReport } from "./support/emit.ts";
import { type Market, openMarket } from "./support/market.ts";
import { median, percentile } from "./support/numbers.ts";
import { interleave, seconds } from "./support/rounds.ts";

const FEW = 10;
const ROUNDS = 5;
const CLAIMS = 300;
const BATCH = 100;
const WORKER = "w000000000000";

const [many = 200_000] = process.argv.slice(2).map(Number);
const report = createReport("claim");
const markets: Market[] = [];
try {
  const [atFew, atMany] = [await openStall(), await openStall()];
  await atFew.fill(FEW);
  const filling = await seconds(() => atMany.fill(many));
  report({ figure: "queue filled", value: many / filling, unit: "jobs/s", jobs: many, jobsARequest: BATCH });
  await atFew.claims(CLAIMS);
  await atMany.claims(CLAIMS);

  const all: { few: number[]; many: number[] } = { few: [], many: [] };
  const measure = async (stall: typeof atFew, times: number[]) => {
    const ms = await stall.claims(CLAIMS);
    times.push(...ms);
    return median(ms);
  };
  const ms = await interleave(ROUNDS, {
    few: () => measure(atFew, all.few),
    many: () => measure(atMany, all.many),
  });
  const peer = { [`with ${FEW} queued`]: median(ms.few) };
  report({ figure: "claim", value: median(ms.many), unit: "ms", queued: many, peer, rounds: ms });
  const ratio = median(ms.many) / median(ms.few);
  report({ figure: "ratio of medians", value: ratio, unit: "×", bar: { atMost: 1.4 } });
  const p95 = { [`with ${FEW} queued`]: percentile(all.few, 0.95) };
  report({ figure: "claim p95", value: percentile(all.many, 0.95), unit: "ms", peer: p95 });
} finally {
  for (const market of markets) await market.close();
}

/** A server of its own, one who submits and one who claims. */
async function openStall() {
  const market = await openMarket();
  markets.push(market);
  const [submitter, worker] = [market.client("submitter"), market.client("worker")];
  const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "none" } as const;
  await worker.register({ ...machine, id: WORKER, name: "bench", slots: 1024 });

  const create = async (count: number) => {
    const jobs = Array.from({ length: count }, () => ({ spec: { command: ["true"] } }));
    const { items } = await submitter.create({ jobs });
    const refused = items.find((item) => "error" in item);
    if (refused) throw new Error(`not created: ${JSON.stringify(refused)}`);
  };
  return {
    async fill(count: number): Promise<void> {
      for (let left = count; left > 0; left -= BATCH) await create(Math.min(BATCH, left));
    },
    /** Claims one after the other, in ms each. */
    async claims(count: number): Promise<number[]> {
      const times: number[] = [];
      for (let done = 0; done < count; done += 1) {
        const started = performance.now();
        const { leases } = await worker.claim({ worker: WORKER, leases: 1 });
        times.push(performance.now() - started);
        const [lease] = leases;
        if (!lease) throw new Error("no job could be claimed");
        const result = { index: 0, outcome: "exited", exitCode: 0, durationMs: 1 } as const;
        await worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: 0, results: [result] }] });
        await create(1);
      }
      return times;
    },
  };
}
