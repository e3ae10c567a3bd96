import { setMaxListeners } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchOutputs } from "../../sdk/fetch-outputs.ts";
import { openServer } from "../../sdk/open-server.ts";
import { type Market, openMarket } from "../support/market.ts";
import { randomOf } from "../support/numbers.ts";
import { processesNaming } from "../support/proc.ts";
import { processesOfWorker, remainsOfServer, remainsOfWorker } from "../support/remains.ts";
import { type Kept, keepRunning } from "./keep-running.ts";
import { makeTask, realRuns, type Task, wrongFiles } from "./task.ts";

export type ChaosOptions = {
  kills: number;
  jobs: number;
  /** Draws who is killed when, and how long jobs take. */
  seed: number;
  /** What has not ended by then is stuck. */
  withinMs: number;
  /** Another rendt.js than the built one. */
  program?: string;
};

export type ChaosOutcome = {
  kills: { server: number; worker: number };
  /** Jobs that succeeded, and whose only task succeeded once, as the server tells it. */
  succeeded: number;
  /** Jobs whose outputs are there, byte by byte. */
  intact: number;
  /** How often a job's command began, as the jobs themselves counted. */
  realRuns: number;
  orphans: number;
  /** Files that a broken upload or task left with the server or the worker. */
  leftovers: string[];
  /** Leases that the worker's journal holds as not settled. */
  openLeases: number;
  seconds: number;
  problems: string[];
};

const MOST_BETWEEN_KILLS_MS = 1500;
const MOST_JOB_MS = 500;
/** Jobs under way beside those that the kills so far account for. */
const AHEAD = 4;
const STOP_MS = 20_000;

/** Runs jobs while server and worker are killed and started again, then looks at what is left of it all. */
export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const market = await openMarket(options);
  try {
    return await wreck(market, options);
  } finally {
    await market.close();
  }
}

type Done = { task: Task; id: string | undefined; problem: string | undefined };

async function wreck(market: Market, { kills, jobs, seed, withinMs }: ChaosOptions): Promise<ChaosOutcome> {
  const began = performance.now();
  const random = randomOf(seed);
  const folder = join(market.folder, "jobs");
  mkdirSync(folder);
  // Jobs run as users of their own and have to reach their tally.
  chmodSync(market.folder, 0o711);
  const server = keepRunning("server", market.launchServer, market.server());
  const worker = keepRunning("worker", () => market.launchWorker({ slots: 2 }));
  const client = market.connect();
  const deadline = AbortSignal.timeout(withinMs);
  setMaxListeners(0, deadline);

  const runOne = async (task: Task): Promise<Done> => {
    let id: string | undefined;
    try {
      const job = await client.submit(task.spec, { signal: deadline });
      id = job.id;
      await job.wait({ signal: deadline });
      return { task, id, problem: undefined };
    } catch (error) {
      return { task, id, problem: `a job ${id ?? "(not submitted)"} did not end: ${error}` };
    }
  };
  const running: Promise<Done>[] = [];
  for (let kill = 0; kill <= kills; kill += 1) {
    const due = kill === kills ? jobs : Math.min(jobs, AHEAD + Math.floor((kill * jobs) / kills));
    while (running.length < due)
      running.push(runOne(makeTask(running.length, { folder, restMs: random() * MOST_JOB_MS })));
    if (kill === kills || deadline.aborted) break;
    await sleep(random() * MOST_BETWEEN_KILLS_MS);
    await (random() < 0.5 ? server : worker).kill();
  }
  const done = await Promise.all(running);
  // Both are up again after the last kill when one more job has run.
  const last = await runOne(makeTask(jobs, { folder, restMs: 0 }));
  const judged = await judge(market, done);
  return {
    kills: { server: server.killed(), worker: worker.killed() },
    ...judged,
    ...(await lookAround(market, { server, worker })),
    seconds: (performance.now() - began) / 1000,
    problems: [
      ...[...done, last].flatMap(({ problem }) => problem ?? []),
      ...judged.problems,
      ...server.surprises,
      ...worker.surprises,
    ],
  };
}

/** Asks the server what became of each job, and reads what it returned. */
async function judge(market: Market, done: readonly Done[]) {
  const server = openServer({ url: market.url, token: market.tokens.submitter });
  const found = { succeeded: 0, intact: 0, realRuns: 0, problems: [] as string[] };
  try {
    for (const { id, task } of done) {
      found.realRuns += realRuns(task);
      if (id === undefined) continue;
      const { job, history } = await server.client.show({ id });
      const successes = history.filter(({ what }) => what === "task succeeded").length;
      if (job.status !== "finished" || job.tasks.succeeded !== 1 || successes !== 1) {
        found.problems.push(
          `job ${id} is ${job.status} after ${successes} successes: ${job.reason ?? JSON.stringify(job.running)}`,
        );
        continue;
      }
      found.succeeded += 1;
      const into = join(market.folder, "back", id);
      await fetchOutputs(server, { id }, { into, apart: false });
      const wrong = wrongFiles(task, into);
      if (wrong.length === 0) found.intact += 1;
      else found.problems.push(`job ${id}: ${wrong.join(", ")}`);
    }
  } finally {
    server.close();
  }
  return found;
}

/** Stops both in good order and counts what they leave behind. */
async function lookAround(market: Market, { server, worker }: { server: Kept; worker: Kept }) {
  const stopped = await Promise.race([
    worker.stop().then(() => server.stop()),
    sleep(STOP_MS, "too long" as const, { ref: false }),
  ]);
  if (stopped === "too long") worker.surprises.push(`it takes them more than ${STOP_MS} ms to stop`);
  const state = join(market.folder, "worker", "worker");
  const { problems, openLeases, files } = remainsOfWorker(state);
  worker.surprises.push(...problems);
  return {
    orphans: new Set([...processesNaming(market.folder), ...processesOfWorker(state)]).size,
    leftovers: [...remainsOfServer(join(market.folder, "server")), ...files],
    openLeases,
  };
}
