// What a worker, with all that it starts beside the tasks, takes of the processor while its tasks only sleep.
// node --import ./scripts/ts.mjs bench/tending.ts [--seconds 60] [--others 900]
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { JobSpecInput } from "../contract/job.ts";
import { createReport } from "./support/emit.ts";
import { type Market, openMarket } from "./support/market.ts";
import { allProcesses, cpuSecondsOfTree } from "./support/proc.ts";
import { type Started, start } from "./support/process.ts";

/** Start-ups are over by then, and looks are as rare as they get. */
const SETTLE_MS = 5000;
const START_MS = 30_000;
const SLEEP = ["sleep", "1000000"] as const;
/** Each looked at in a worker of its own; `most` is in percent of a core for each task. */
const CASES: Case[] = [
  { what: "none", slots: 1, most: 0.35, spec: { command: [...SLEEP] } },
  { what: "none", slots: 8, most: 0.1, spec: { command: [...SLEEP] } },
  { what: "strict", slots: 1, most: 0.5, spec: { command: [...SLEEP], sandbox: "strict" } },
  { what: "strict", slots: 8, most: 0.2, spec: { command: [...SLEEP], sandbox: "strict" } },
  // Near a limit looks are as frequent as they get, and half of what is allowed is passed.
  {
    what: "none with 3,000 of 4,000 files",
    slots: 1,
    most: 5,
    spec: {
      command: ["sh", "-c", `i=0; while [ $i -lt 3000 ]; do : > $i; i=$((i+1)); done; exec ${SLEEP.join(" ")}`],
      limits: { files: 4000 },
    },
  },
];
type Case = { what: string; slots: number; most: number; spec: JobSpecInput };

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, others: { type: "string", default: "900" } },
});
const [seconds, others] = [Number(values.seconds), Number(values.others)];
const report = createReport("tending");
const markets: Market[] = [];
const started: Started[] = [];
try {
  const workers: { is: Case; pid: number }[] = [];
  for (const is of CASES) workers.push({ is, pid: await busyWorker(is.spec, is.slots) });
  const bare = start([process.execPath, "-e", "setInterval(()=>{},1e6)"]);
  started.push(bare);
  const resting = { "bare Node": bare.pid, "idle worker": await busyWorker({ command: [...SLEEP] }, 0) };
  await sleep(SETTLE_MS);
  await measure();
  for (let more = 0; more < others; more += 1) started.push(start(SLEEP));
  await measure();

  /** All at the same time: what else the machine does falls on all alike. */
  async function measure(): Promise<void> {
    const processes = allProcesses().length;
    const pids = [...workers.map(({ pid }) => pid), ...Object.values(resting)];
    const before = pids.map(usedSeconds);
    await sleep(seconds * 1000);
    const shares = pids.map((pid, at) => (100 * (usedSeconds(pid) - (before[at] ?? 0))) / seconds);
    const peer = Object.fromEntries(Object.keys(resting).map((name, at) => [name, shares[workers.length + at] ?? 0]));
    for (const [at, { is }] of workers.entries()) {
      const figure = `${is.what}, ${is.slots} of ${is.slots} slots in use, ${processes > others ? "many" : "few"} other processes`;
      const value = (shares[at] ?? 0) / is.slots;
      report({ figure, value, unit: "% of a core a task", bar: { atMost: is.most }, peer, processes, seconds });
    }
  }
} finally {
  await Promise.all(started.map((process) => process.end("SIGKILL")));
  await Promise.all(markets.map((market) => market.close()));
}

/** Sleeping tasks take nothing, so that the whole tree may be counted. */
function usedSeconds(pid: number): number {
  const { own, children } = cpuSecondsOfTree(pid);
  return own + children;
}

/** The pid of a worker in whose slots so many tasks run. */
async function busyWorker(spec: JobSpecInput, tasks: number): Promise<number> {
  const market = await openMarket();
  markets.push(market);
  const { pid } = await market.startWorker({ slots: Math.max(1, tasks) });
  if (tasks === 0) return pid;
  const client = market.client("submitter");
  const { items: jobs } = await client.create({ jobs: Array.from({ length: tasks }, () => ({ spec })) });
  const ids = jobs.flatMap((job) => ("id" in job ? [String(job.id)] : []));
  if (ids.length < tasks) throw new Error(`not all were created: ${JSON.stringify(jobs)}`);
  for (const until = Date.now() + START_MS; ; await sleep(100)) {
    const { items } = await client.get({ ids });
    if (items.every((item) => "status" in item && item.status === "executing")) return pid;
    if (Date.now() > until) throw new Error(`not all run: ${JSON.stringify(items)}`);
  }
}
