import { messageOf } from "../../contract/errors.ts";
import type { JobView } from "../../contract/job.ts";
import type { Submitted } from "../../sdk/submit.ts";
import type { Call } from "../command.ts";
import { RUN_EXIT } from "../exit.ts";
import { fetchInto } from "../fetch.ts";
import { onInterrupt } from "../interrupt.ts";
import { type Description, describeJob, indexesOf } from "../job/describe.ts";
import { previewJob } from "../job/dry-run.ts";
import { exitOfRun, followJob } from "../job/follow.ts";
import { sendJob } from "../job/send.ts";
import { unsentFiles } from "../job/unsent.ts";
import { notify } from "../notify.ts";
import { reach, type Server } from "../server.ts";
import { showStatus } from "../status.ts";
import { harmless } from "../table.ts";
import { waitForJobs } from "../wait-for.ts";

const WAITS_MS = 5000;

export async function run(call: Call): Promise<number> {
  const { terminal } = call;
  const description = await describeJob(call);
  try {
    if (call.options["dry-run"]) {
      terminal.json(await previewJob(description));
      return 0;
    }
    const job = await send(call, description);
    if (job === undefined) return RUN_EXIT.interrupted;
    return await accompany(call, { job, description });
  } finally {
    await description.cleanUp();
  }
}

/** Nothing is made before the inputs are read, so an early Ctrl-C leaves nothing to cancel; undefined then. */
async function send(call: Call, description: Description): Promise<Submitted | undefined> {
  const stop = new AbortController();
  const interrupts = onInterrupt(() => stop.abort());
  try {
    for (const name of await unsentFiles(description))
      call.terminal.say(`hint: ${name} is a file here, but it is not sent with the job: add -i ${name}`);
    const order = { ...description, watch: true };
    return await sendJob(reach(call, "submitter"), order, { terminal: call.terminal, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return undefined;
    throw error;
  } finally {
    interrupts.release();
  }
}

type Sent = { job: Submitted; description: Description };

/** Streams, waits and fetches. The first Ctrl-C asks to cancel, the second leaves the job to itself. */
async function accompany(call: Call, { job: { id }, description }: Sent): Promise<number> {
  const { terminal } = call;
  const server = reach(call, "submitter", "patient");
  const detached = new AbortController();
  let isCancelled = false;
  const interrupts = onInterrupt((count) => {
    if (count > 1) return detached.abort();
    terminal.say(`rendt: cancelling ${id}; Ctrl-C again leaves it to itself`);
    server.client.cancel({ ids: [id] }, { signal: detached.signal }).then(
      () => {
        isCancelled = true;
      },
      (error: unknown) => {
        if (!detached.signal.aborted) terminal.say(`rendt: can't cancel ${id}: ${error}`);
      },
    );
  });
  try {
    const job = await toItsEnd(server, { id, description, signal: detached.signal }, terminal);
    if (interrupts.count > 0 && job.status === "cancelled") {
      await notify(call, [job]);
      return RUN_EXIT.interrupted;
    }
    if (job.status !== "finished" && job.result?.outcome !== "exited") tellEnd(job, terminal);
    else if (job.result?.reason !== undefined) terminal.say(`rendt: ${id}: ${harmless(job.result.reason)}`);
    await fetchResults(server, { job, description, call });
    await notify(call, [job]);
    return await exitOfRun(server, job);
  } catch (error) {
    if (!detached.signal.aborted) throw error;
    terminal.say(
      isCancelled
        ? `rendt: ${id} is cancelled; what it still prints: rendt logs ${id}`
        : `rendt: left ${id} to itself; come back with: rendt wait ${id}`,
    );
    return RUN_EXIT.interrupted;
  } finally {
    interrupts.release();
    server.close();
  }
}

/** What the command printed does not say that it was stopped or never began. */
function tellEnd({ id, status, reason }: JobView, terminal: Call["terminal"]): void {
  terminal.say(`rendt: ${id} ${showStatus(status, terminal)}${reason ? `: ${harmless(reason)}` : ""}`);
}

type Following = { id: string; description: Description; signal: AbortSignal };

/** Both at once: the log may end long before the job is handed in, and the wait has the time limit. */
async function toItsEnd(
  server: Server,
  { id, description, signal }: Following,
  terminal: Call["terminal"],
): Promise<JobView> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const following = followJob(server, { id, indexes: indexesOf(description.spec), signal: both }, terminal);
  following.catch(() => undefined);
  const impatience = setTimeout(() => void tellWhyItWaits(server, id, terminal), WAITS_MS);
  try {
    const timeoutMs = description.options["wait-timeout"];
    const [job] = await waitForJobs(server.client, { ids: [id], timeoutMs, signal });
    await following;
    if (!job) throw new Error(`nothing was answered about ${id}`);
    return job;
  } finally {
    clearTimeout(impatience);
    stop.abort();
  }
}

/** Nobody should look at an empty screen because no worker is there. */
async function tellWhyItWaits({ client }: Server, id: string, terminal: Call["terminal"]): Promise<void> {
  try {
    const { job, reasons } = await client.explain({ id });
    const waits = job.status === "available" || job.status === "waiting";
    if (waits) terminal.say(`rendt: ${id} still waits: ${harmless(reasons.join("; ")) || "the workers are busy"}`);
  } catch (error) {
    // The wait itself meets the same failure and decides what it means.
    terminal.say(`rendt: can't ask why ${id} waits: ${messageOf(error)}`);
  }
}

async function fetchResults(
  server: Server,
  { job, description, call }: { job: JobView; description: Description; call: Call },
): Promise<void> {
  const { spec, options } = description;
  if ((spec.outputs ?? []).length === 0 || job.tasks.succeeded + job.tasks.failed === 0) return;
  await fetchInto(
    server,
    { id: job.id },
    { into: options.get ?? ".", apart: job.count > 1, force: options.force, call },
  );
}
