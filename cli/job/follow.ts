import type { JobView } from "../../contract/job.ts";
import { outputPages } from "../../sdk/fetch-outputs.ts";
import { readLog } from "../../sdk/read-log.ts";
import { RUN_EXIT } from "../exit.ts";
import type { Server } from "../server.ts";
import type { Terminal } from "../terminal.ts";

/** The indexes of a job's tasks: an array's own values. */
export type Indexes = { start: number; step: number; count: number };

/** Prints what the tasks print, each stream to its own, until they have ended; one task after the other, in order. */
export async function followJob(
  server: Server,
  { id, indexes, signal }: { id: string; indexes: Indexes; signal?: AbortSignal | undefined },
  terminal: Pick<Terminal, "write">,
): Promise<void> {
  for (let at = 0; at < indexes.count; at++) {
    const index = indexes.start + indexes.step * at;
    for await (const { stream, bytes } of readLog(server, { id, index, follow: true, signal }))
      await terminal.write(stream, bytes);
  }
}

/** How `run` ends: with the command's own code; several tasks with the highest; 125 when a task was lost, expired or cancelled. */
export async function exitOfRun(server: Server, job: JobView): Promise<number> {
  const results: number[] = [];
  if (job.result) results.push(job.result.exitCode);
  else if (job.tasks.succeeded + job.tasks.failed > 0)
    for await (const { items } of outputPages(server, { id: job.id }))
      results.push(...items.map(({ result }) => result.exitCode));
  const whole = results.length === job.count && (job.status === "finished" || job.status === "failed");
  return Math.max(whole ? 0 : RUN_EXIT.lost, ...results);
}
