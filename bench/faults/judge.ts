import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchOutputs } from "../../sdk/fetch-outputs.ts";
import { openServer, type Server } from "../../sdk/open-server.ts";
import { realRuns, wrongFiles } from "../chaos/task.ts";
import { processesNaming } from "../support/proc.ts";
import { processesOfWorker, remainsOfServer, remainsOfWorker } from "../support/remains.ts";
import { type Expected, type Stage, until } from "./stage.ts";

/** How a case ended. */
export type Verdict = {
  /** Results that were there and did not reach the submitter whole, or had to be made again. */
  lost: number;
  /** Tasks with more than one success. */
  double: number;
  /** Processes and files that somebody left behind, and leases that a journal still holds. */
  orphans: number;
  /** Jobs that ended otherwise than they should, and whatever else is not as it has to be. */
  problems: string[];
};

const DRAIN_MS = 20_000;

/** Waits for the end of all jobs, asks the server what became of them, stops everybody and looks at what is left. */
export async function judge(stage: Stage, signal: AbortSignal): Promise<Verdict> {
  const verdict: Verdict = { lost: 0, double: 0, orphans: 0, problems: [] };
  const server = openServer({ url: stage.market.url, token: stage.market.tokens.submitter });
  try {
    const connection = stage.connect();
    for (const expected of stage.expected) {
      await connection.job(expected.id).wait({ signal });
      await judgeJob(stage, { server, expected, verdict });
    }
    // One that was told to stop before it could hear of it would leave what it found.
    await until(() => stage.hands.every((hand) => hand.isReady() !== false), signal);
    if (stage.hands.some((hand) => hand.isReady())) await stage.ended(await stage.submit({ plain: true }));
  } finally {
    server.close();
  }
  await stopAll(stage, verdict);
  return verdict;
}

type Judging = { server: Server; expected: Expected; verdict: Verdict };

async function judgeJob({ folder }: Stage, { server, expected, verdict }: Judging): Promise<void> {
  const { id, task, status, runs, tasks, reason } = expected;
  const { job, history } = await server.client.show({ id });
  const say = (text: string) => verdict.problems.push(`${id}: ${text}`);
  if (job.status !== status) say(`it is ${job.status}, not ${status} (${job.reason ?? "no reason"})`);
  if (reason && !reason.test(job.reason ?? "")) say(`its reason is ${JSON.stringify(job.reason)}, not ${reason}`);
  const began = realRuns(task);
  if (began < runs.least || began > runs.most) say(`it began ${began} times, not ${runs.least} to ${runs.most}`);
  if (began > runs.most) verdict.lost += 1;
  if (status !== "finished") return;

  verdict.lost += tasks - job.tasks.succeeded;
  const { items } = await server.client.outputs({ id, limit: 200 });
  const seen = new Set<number>();
  for (const { result } of items) {
    if (seen.has(result.index)) verdict.double += 1;
    seen.add(result.index);
  }
  const successes = history.filter(({ what }) => what === "task succeeded").length;
  if (tasks === 1 && successes > 1) verdict.double += successes - 1;
  if (Object.keys(task.expected).length === 0) return;
  const into = join(folder, "back", id);
  await fetchOutputs(server, { id }, { into, apart: tasks > 1 });
  for (const index of tasks > 1 ? seen : [undefined]) {
    const wrong = wrongFiles(task, index === undefined ? into : join(into, String(index)));
    if (wrong.length === 0) continue;
    verdict.lost += 1;
    say(wrong.join(", "));
  }
}

async function stopAll({ market, hands, folder }: Stage, verdict: Verdict): Promise<void> {
  // What one that was killed for good left is swept by its next start.
  const alive = hands.filter((hand) => hand.isReady() !== undefined);
  const stop = async () => {
    for (const hand of alive) {
      const how = await hand.drain();
      if (how !== 0) verdict.problems.push(`a worker ended with ${how} when it was told to stop`);
    }
    const how = await market.server().end("SIGTERM");
    if (how !== 0) verdict.problems.push(`the server ended with ${how} when it was told to stop`);
  };
  const stopped = await Promise.race([stop(), sleep(DRAIN_MS, "too long" as const, { ref: false })]);
  if (stopped === "too long") verdict.problems.push(`it takes them more than ${DRAIN_MS} ms to stop`);
  const processes = new Set(processesNaming(folder));
  const files = remainsOfServer(join(folder, "server"));
  for (const { state } of hands) for (const pid of processesOfWorker(state)) processes.add(pid);
  for (const { state } of alive) {
    const remains = remainsOfWorker(state);
    files.push(...remains.files);
    if (remains.openLeases > 0) files.push(`${remains.openLeases} leases in ${state}/journal`);
    verdict.problems.push(...remains.problems);
  }
  verdict.orphans = processes.size + files.length;
  if (processes.size > 0) verdict.problems.push(`${processes.size} processes are left`);
  if (files.length > 0) verdict.problems.push(`left: ${files.join(", ")}`);
}
