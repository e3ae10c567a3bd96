import type { Client } from "../../contract/client.ts";
import { sleep } from "../../contract/retry.ts";
import { stateOf } from "../../contract/worker-state.ts";
import type { WorkerView } from "../../contract/worker-view.ts";
import type { Call } from "../command.ts";
import { Failure, usage } from "../failure.ts";
import { reach } from "../server.ts";
import { formatDuration } from "../units.ts";
import { selectWorkers } from "../worker-selector.ts";

const LOOK_MS = 1000;

/** Orders all workers first, so that with --wait they end side by side. */
export async function run(call: Call): Promise<number> {
  const { options, terminal, words } = call;
  if (options.timeout !== undefined && !options.wait) throw usage("--timeout says how long to wait: it needs --wait");
  const { client } = reach(call, "submitter");
  const ordered: WorkerView[] = [];
  for (const id of await selectWorkers(client, words)) ordered.push(await client.drainWorker({ id }));
  const deadline = performance.now() + (options.timeout ?? Number.POSITIVE_INFINITY);
  for (const order of ordered) {
    const worker = options.wait ? await waitForDrained(client, order, { deadline, timeoutMs: options.timeout }) : order;
    if (options.json) terminal.jsonLine(worker);
    else terminal.line(options.quiet ? worker.id : `${worker.id}  ${stateOf(worker, Date.now())}`);
  }
  if (!options.json && !options.quiet)
    terminal.say(`over restarts too; to take it back: rendt worker resume ${words.join(" ")}`);
  return 0;
}

async function waitForDrained(
  client: Pick<Client, "showWorker">,
  first: WorkerView,
  { deadline, timeoutMs = 0 }: { deadline: number; timeoutMs: number | undefined },
): Promise<WorkerView> {
  for (let worker = first; ; worker = await client.showWorker({ id: first.id })) {
    // One that has stopped runs nothing, and takes nothing at its next start.
    if (worker.drainedAt !== undefined || stateOf(worker, Date.now()) === "stopped") return worker;
    if (worker.drainingSince === undefined)
      throw new Failure("not_available", `worker ${worker.id} was resumed by somebody while this waited`);
    if (performance.now() >= deadline)
      throw new Failure("waited_too_long", `waited ${formatDuration(timeoutMs)}, and not drained yet: ${worker.id}`, {
        hint: `what it runs goes on to its end: rendt worker show ${worker.id}`,
      });
    await sleep(Math.min(LOOK_MS, Math.max(0, deadline - performance.now())));
  }
}
