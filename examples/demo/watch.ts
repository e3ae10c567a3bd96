import { type Client, createClient } from "../../contract/client.ts";
import { ENDED, type JobView } from "../../contract/job.ts";
import { MAX_WAIT_MS } from "../../contract/limits.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import type { Program } from "./program.ts";
import { screen } from "./screen.ts";

type Watched = { id: string; url: string; token: string; program: Program; signal: AbortSignal };

/** Shows a job's life as it happens. The worker starts when everybody is watching, so that no change is missed. */
export async function seeItDone({ id, url, token, program, signal }: Watched): Promise<void> {
  const http = createNodeHttp();
  try {
    const changes = changesOf(createClient({ url, token, transport: http.transport }), id, signal);
    const { value: job } = await changes.next();
    if (!job) throw new Error(`the job ${id} is not there`);
    screen.event(0, "submitted", `${job.status}: it waits for a worker`);

    let tellClaimed: (() => void) | undefined;
    const isClaimed = new Promise<void>((resolve) => {
      tellClaimed = resolve;
    });
    const printed = showLog(program, { id, createdAt: job.createdAt, isClaimed });
    printed.catch(() => undefined);
    const ready = await program.start(["worker", "start", "--name", "demo"], /^worker: \S+ works for /);
    for await (const { startedAt, endedAt, status, reason, result } of changes) {
      if (startedAt !== undefined && tellClaimed) {
        screen.event(startedAt - job.createdAt, "claimed", `by worker ${ready.split(" ")[1]}`);
        tellClaimed();
        tellClaimed = undefined;
      }
      if (endedAt === undefined) continue;
      await printed;
      const how = `exit code ${result?.exitCode}, after ${result?.durationMs} ms`;
      screen.event(endedAt - job.createdAt, status, reason ?? how);
      if (status !== "finished") throw new Error(`the job ended as ${status}: ${reason ?? how}`);
    }
  } finally {
    http.close();
  }
}

/** The job each time that it changes, until it has ended: the server holds each question open until there is news. */
async function* changesOf(client: Client, id: string, signal: AbortSignal): AsyncGenerator<JobView, undefined> {
  for (let seen = -1; ; ) {
    const { items } = await client.get({ ids: [id], wait: MAX_WAIT_MS, seen: { [id]: seen } }, { signal });
    const job = items[0] as JobView | undefined;
    if (job?.version === undefined) throw new Error(`the server does not know the job ${id} any more`);
    if (job.version === seen) continue;
    seen = job.version;
    yield job;
    if (ENDED.has(job.status)) return undefined;
  }
}

type Log = { id: string; createdAt: number; isClaimed: Promise<void> };

/** What the job prints, while it prints it; its first sign of life proves that it runs. */
async function showLog(program: Program, { id, createdAt, isClaimed }: Log): Promise<void> {
  let shown = isClaimed;
  let pieces = 0;
  await program.stream(["logs", "--follow", "--json", id], (line) => {
    const { at, text } = JSON.parse(line) as { at: number; text: string };
    shown = shown.then(() => {
      pieces += 1;
      if (pieces === 1) screen.event(at - createdAt, "running", "it prints:");
      for (const row of text.trimEnd().split("\n")) screen.printed(row);
    });
  });
  await shown;
}
