import { join, resolve } from "node:path";
import { RendtError } from "../contract/errors.ts";
import type { JobStatus, JobView } from "../contract/job.ts";
import type { LogFrame } from "../contract/log-frames.ts";
import type { FileEntry } from "../contract/manifest.ts";
import type { TaskResult } from "../contract/result.ts";
import { readManifest } from "../files/download.ts";
import { createFetchRecord } from "../files/fetch-record.ts";
import { createGrantDesk } from "../files/grant-desk.ts";
import { createBlobReader } from "../files/read-blob.ts";
import { fetchOutputs, outputPages, type TaskOutcome } from "./fetch-outputs.ts";
import type { Server } from "./open-server.ts";
import { type LogWanted, readLog } from "./read-log.ts";
import type { Waiter } from "./waiter.ts";

/** How a job ended. */
export type Ended = {
  id: string;
  /** `finished` when every task succeeded; else `failed`, `cancelled`, `expired` or `skipped`. */
  status: JobStatus;
  /** As a shell would see it (128 + n for signal n, 124 at the time limit); of several tasks the highest. Absent when nothing ran. */
  exitCode?: number;
  /** In plain words, when there is more to say. */
  reason?: string;
  /** What ran, of a job of one task. */
  result?: TaskResult;
  job: JobView;
};

/** A file that a task returned. */
export type Output = { task: number; path: string; size: number; sha256: string; mode: number };

export type OutputsOptions = {
  /** Download into this folder as well; the tasks of an array each into one of its own, named by the index. */
  to?: string | undefined;
  /** Overwrite what no earlier download has written. */
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
};

export type LogsOptions = Omit<LogWanted, "id">;

/** A job by its id; nothing is asked of the server until a method is called. */
export type Job = {
  readonly id: string;
  /** Waits for the end. Many jobs that are waited for share few requests. */
  wait(options?: { signal?: AbortSignal | undefined }): Promise<Ended>;
  /** How it stands now. */
  view(options?: { signal?: AbortSignal | undefined }): Promise<JobView>;
  /** What a task printed, piece by piece in order; with `follow` until it has ended. */
  logs(options?: LogsOptions): AsyncGenerator<LogFrame>;
  /** The files that the tasks returned, sorted by task and path. Each download is verified by SHA-256. */
  outputs(options?: OutputsOptions): Promise<Output[]>;
  /** Asks for its end; what it had already succeeded in stays. */
  cancel(options?: { signal?: AbortSignal | undefined }): Promise<JobView>;
};

export type JobContext = { server: Server; waiter: Waiter; dataFolder: string; cwd: string };

export function createJob(id: string, context: JobContext): Job {
  const { server, waiter } = context;
  return {
    id,
    async wait(options = {}) {
      return endOf(await waiter.wait(id, options.signal), server);
    },
    async view(options = {}) {
      const { items } = await server.client.get({ ids: [id] }, options);
      return present(items[0], id);
    },
    logs: (options = {}) => readLog(server, { ...options, id }),
    async outputs(options = {}) {
      const outputs = await listOutputs(server, id, options.signal);
      if (options.to !== undefined) await fetchInto(options.to, id, { ...options, context });
      return outputs;
    },
    async cancel(options = {}) {
      const { items } = await server.client.cancel({ ids: [id] }, options);
      return present(items[0], id);
    },
  };
}

async function endOf(job: JobView, server: Server): Promise<Ended> {
  const exitCode = job.result?.exitCode ?? (job.count > 1 ? await highestExit(job, server) : undefined);
  return {
    id: job.id,
    status: job.status,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(job.reason === undefined ? {} : { reason: job.reason }),
    ...(job.result === undefined ? {} : { result: job.result }),
    job,
  };
}

async function highestExit({ id, tasks }: JobView, server: Server): Promise<number | undefined> {
  if (tasks.failed === 0) return tasks.succeeded > 0 ? 0 : undefined;
  let highest = 0;
  for await (const { items } of outputPages(server, { id, status: "failed" }))
    for (const { result } of items) highest = Math.max(highest, result.exitCode);
  return highest;
}

async function listOutputs(server: Server, id: string, signal: AbortSignal | undefined): Promise<Output[]> {
  const found: Output[] = [];
  for await (const { items } of outputPages(server, { id, signal }))
    for (const item of items)
      for (const { path, size, sha256, mode } of await filesOf(server, { id, item, signal }))
        found.push({ task: item.index, path, size, sha256, mode });
  return found;
}

type OneTask = { id: string; item: TaskOutcome; signal: AbortSignal | undefined };

async function filesOf(server: Server, { id, item, signal }: OneTask): Promise<FileEntry[]> {
  const tree = item.result.outputs;
  if (!tree) return [];
  const transfer = {
    ...server,
    entryOf: (blob: { sha256: string; size: number }) => ({ use: "output", job: id, index: item.index, blob }) as const,
    signal,
  };
  const { entries } = await readManifest(tree, createBlobReader(createGrantDesk(transfer, []), transfer));
  return entries.filter((entry) => entry.kind === "file");
}

async function fetchInto(
  to: string,
  id: string,
  { context, force, signal }: OutputsOptions & { context: JobContext },
): Promise<void> {
  const job = await createJob(id, context).view({ signal });
  await fetchOutputs(
    context.server,
    { id, signal },
    {
      into: resolve(context.cwd, to),
      apart: job.count > 1,
      force,
      record: createFetchRecord(join(context.dataFolder, "fetched")),
    },
  );
}

function present(item: JobView | { id: string } | undefined, id: string): JobView {
  if (item && "status" in item) return item as JobView;
  throw new RendtError("not_found", `there is no job ${id}`);
}
