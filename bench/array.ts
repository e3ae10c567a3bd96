// An array of no-ops, a process each, one worker with 2 slots; against GNU parallel with the same number.
// node --import ./scripts/ts.mjs bench/array.ts [TASKS] [ROUNDS]
import { meterCpu } from "./support/cost.ts";
import { createReport } from "./support/emit.ts";
import { openMarket, runJobs } from "./support/market.ts";
import { median } from "./support/numbers.ts";
import { timeParallel } from "./support/parallel.ts";
import { interleave, medianRatio, seconds } from "./support/rounds.ts";

const [tasks = 10_000, rounds = 3] = process.argv.slice(2).map(Number);
const report = createReport("array");
const [market, heavy] = [await openMarket(), await openMarket()];
try {
  const worker = await market.startWorker({ slots: 2 });
  await heavy.startWorker({ slots: 2, heavy: true });
  const [client, heavyClient] = [market.client("submitter"), heavy.client("submitter")];
  const runArray = (by: typeof client, count: number) => runJobs(by, [{ command: ["true"], array: { count } }]);
  for (const one of [client, heavyClient]) await runArray(one, 500);

  let cpu: Record<string, number> = {};
  const perSecond = await interleave(rounds, {
    async rendt() {
      const used = meterCpu({ server: market.server().pid, worker: worker.pid });
      const took = await seconds(() => runArray(client, tasks));
      cpu = used(tasks);
      return tasks / took;
    },
    heavy: async () => tasks / (await seconds(() => runArray(heavyClient, tasks))),
    parallel: async () => tasks / (await timeParallel(tasks, "plain")),
  });
  const peer = { "parallel -j2": median(perSecond.parallel) };
  report({ figure: "tasks a second", value: median(perSecond.rendt), unit: "1/s", peer, tasks, rounds: perSecond });
  const ratio = medianRatio(perSecond.rendt, perSecond.parallel);
  report({ figure: "to parallel -j2", value: ratio, unit: "×", bar: { atLeast: 3 } });
  const toLight = medianRatio(perSecond.heavy, perSecond.rendt);
  report({ figure: "by a worker of 500 MB, to a small one's", value: toLight, unit: "×", bar: { atLeast: 0.9 } });
  const sum = Object.values(cpu).reduce((all, one) => all + one, 0);
  report({ figure: "processor time a task", value: sum, unit: "ms", parts: cpu });
} finally {
  await Promise.all([market.close(), heavy.close()]);
}
