// From submit to the result in hand, through connect(), with one idle worker. Beside it what no durable queue can do without: a process,
// and a synced write each for created, claimed and finished.
// node --import ./scripts/ts.mjs bench/latency.ts [JOBS]
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { median, percentile } from "./support/numbers.ts";
import { runToEnd } from "./support/process.ts";
import { seconds } from "./support/rounds.ts";

const WARM_UP = 20;
const PAGE = Buffer.alloc(4096, 1);
const SYNCS = 3;
/** The worker is idle again, and its question for work open, well before the next job. */
const REST_MS = 10;

const [jobs = 200] = process.argv.slice(2).map(Number);
const report = createReport("latency");
const market = await openMarket();
try {
  await market.startWorker({ slots: 1 });
  const client = market.connect();
  const one = async () => {
    const job = await client.submit({ command: ["true"] });
    const { status } = await job.wait();
    if (status !== "finished") throw new Error(`job ${job.id} is ${status}`);
  };
  const file = openSync(join(market.folder, "synced"), "w");
  const least = async () => {
    for (let count = 0; count < SYNCS; count += 1) {
      writeSync(file, PAGE);
      fdatasyncSync(file);
    }
    await runToEnd(["true"]);
  };
  for (let count = 0; count < WARM_UP; count += 1) await one();

  const [ours, bound]: [number[], number[]] = [[], []];
  for (let count = 0; count < jobs; count += 1) {
    ours.push(1000 * (await seconds(one)));
    bound.push(1000 * (await seconds(least)));
    await sleep(REST_MS);
  }
  closeSync(file);
  const peer = (share: number) => ({ [`a spawn and ${SYNCS} synced writes`]: percentile(bound, share) });
  report({ figure: "p50", value: percentile(ours, 0.5), unit: "ms", bar: { atMost: 12 }, peer: peer(0.5), jobs });
  report({ figure: "p95", value: percentile(ours, 0.95), unit: "ms", bar: { atMost: 30 }, peer: peer(0.95) });
  report({ figure: "fastest", value: Math.min(...ours), unit: "ms", peer: peer(0) });
  report({ figure: "to a spawn and its syncs", value: median(ours) / median(bound), unit: "×" });
} finally {
  await market.close();
}
