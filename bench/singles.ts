// Single no-op jobs, one request each, 32 requests in flight, one worker with 2 slots; against GNU parallel with the same number.
// node --import ./scripts/ts.mjs bench/singles.ts [JOBS] [ROUNDS]
import { meterCpu } from "./support/cost.ts";
import { createReport } from "./support/emit.ts";
import { openMarket, runJobs } from "./support/market.ts";
import { median } from "./support/numbers.ts";
import { timeParallel } from "./support/parallel.ts";
import { interleave, medianRatio, seconds } from "./support/rounds.ts";

const [jobs = 1000, rounds = 5] = process.argv.slice(2).map(Number);
const report = createReport("singles");
const [market, heavy] = [await openMarket(), await openMarket()];
try {
  const worker = await market.startWorker({ slots: 2 });
  const client = market.client("submitter");
  await heavy.startWorker({ slots: 2, heavy: true });
  const heavyClient = heavy.client("submitter");
  const specs = Array.from({ length: jobs }, () => ({ command: ["true"] }));
  for (const one of [client, heavyClient]) await runJobs(one, specs.slice(0, 200));

  const programs = { server: market.server().pid, worker: worker.pid, submitter: process.pid };
  let cpu: Record<string, number> = {};
  let parallelCpu: Record<string, number> = {};
  const perSecond = await interleave(rounds, {
    async rendt() {
      const used = meterCpu(programs);
      const took = await seconds(() => runJobs(client, specs));
      cpu = used(jobs);
      return jobs / took;
    },
    heavy: async () => jobs / (await seconds(() => runJobs(heavyClient, specs))),
    async parallel() {
      const used = meterCpu({ parallel: process.pid });
      const took = await timeParallel(jobs, "plain");
      parallelCpu = used(jobs);
      return jobs / took;
    },
    results: async () => jobs / (await timeParallel(jobs, "results")),
  });
  const peer = { "parallel -j2": median(perSecond.parallel), "parallel -j2 --results": median(perSecond.results) };
  report({ figure: "jobs a second", value: median(perSecond.rendt), unit: "1/s", peer, jobs, rounds: perSecond });
  const toPlain = medianRatio(perSecond.rendt, perSecond.parallel);
  report({ figure: "to parallel -j2", value: toPlain, unit: "×", bar: { atLeast: 1.5 } });
  const toLight = medianRatio(perSecond.heavy, perSecond.rendt);
  report({ figure: "by a worker of 500 MB, to a small one's", value: toLight, unit: "×", bar: { atLeast: 0.9 } });
  const toResults = medianRatio(perSecond.rendt, perSecond.results);
  report({ figure: "to parallel -j2 --results", value: toResults, unit: "×", bar: { atLeast: 1.5 } });
  const sum = Object.values(cpu).reduce((all, one) => all + one, 0);
  report({ figure: "processor time a job", value: sum, unit: "ms", peer: parallelCpu, parts: cpu });
} finally {
  await Promise.all([market.close(), heavy.close()]);
}
