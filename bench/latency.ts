// From submit to the result in hand, through connect(), with one idle worker; a process without any of it stands beside.
// node --import ./scripts/ts.mjs bench/latency.ts [JOBS]
import { setTimeout as sleep } from "node:timers/promises";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { median, percentile } from "./support/numbers.ts";
import { runToEnd } from "./support/process.ts";
import { seconds } from "./support/rounds.ts";

const WARM_UP = 20;
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
  for (let count = 0; count < WARM_UP; count += 1) await one();

  const [ours, bare]: [number[], number[]] = [[], []];
  for (let count = 0; count < jobs; count += 1) {
    ours.push(1000 * (await seconds(one)));
    bare.push(1000 * (await seconds(() => runToEnd(["true"]))));
    await sleep(REST_MS);
  }
  const peer = (share: number) => ({ "spawn in this process": percentile(bare, share) });
  report({ figure: "p50", value: percentile(ours, 0.5), unit: "ms", bar: { atMost: 12 }, peer: peer(0.5), jobs });
  report({ figure: "p95", value: percentile(ours, 0.95), unit: "ms", bar: { atMost: 30 }, peer: peer(0.95) });
  report({ figure: "fastest", value: Math.min(...ours), unit: "ms" });
  report({ figure: "over a spawn", value: median(ours) - median(bare), unit: "ms" });
} finally {
  await market.close();
}
