import { RendtError } from "../../contract/errors.ts";
import type { Grant } from "../../contract/grant.ts";
import { GRANT_MS, MAX_FREE_GRANTS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { TaskResult } from "../../contract/result.ts";
import { outputKey } from "../blobs/keys.ts";
import { isFinal } from "../domain/job.ts";
import type { Job } from "../domain/records.ts";
import type { DoneEntry } from "../domain/slice-record.ts";
import { statusOf } from "../domain/status.ts";
import { keyOfTask, loadSlice } from "./apply.ts";
import type { Call, World } from "./call.ts";
import { ownJob } from "./own-job.ts";
import { indexAt, positionsIn, tasksOf } from "./positions.ts";
import { allDone, blobsOfResult, createResults, names } from "./results.ts";
import { slicesOf } from "./view.ts";

type Item = AnswerOf<"outputs">["items"][number];

/** Manifests are long: a page ends here, well below the largest answer. */
const PAGE_BYTES = 2 * 1024 * 1024;

/** What the tasks of a job returned, by index, with downloads of the first blobs. */
export async function outputs({ world, who }: Call, request: ParsedRequestOf<"outputs">): Promise<AnswerOf<"outputs">> {
  const job = await ownJob(world, who, request.id);
  const spec = await world.specs.read(job);
  const { from, upTo } = positionsIn(spec, request);
  if (from >= upTo) throw new RendtError("not_found", `job ${job.id} has no such task: ${tasksOf(spec)}`);
  const begin = request.cursor === undefined ? from : readCursor(request.cursor);
  const { status } = statusOf(job, await slicesOf(world, job));
  const items: Item[] = [];
  let size = 0;
  let hasAny = request.cursor !== undefined;
  let next: number | undefined;

  for await (const { position, entry, result } of resultsFrom(world, job, { from: begin, upTo })) {
    hasAny = true;
    if (request.status !== undefined && request.status !== entry.end) continue;
    const item = { index: indexAt(spec, position), ended: entry.end !== "retrying", lease: entry.lease, result };
    size += JSON.stringify(item).length;
    if (items.length === request.limit || (items.length > 0 && size > PAGE_BYTES)) {
      next = position;
      break;
    }
    items.push(item);
  }
  if (!hasAny && !isFinal(job)) {
    throw new RendtError("outputs_not_ready", `job ${job.id} is ${status}: none of these tasks has ended yet`, {
      details: { status },
    });
  }
  return {
    status,
    items,
    grants: await firstGrants(world, job, items),
    ...(next !== undefined && { next: String(next) }),
  };
}

/** The last result of each task that ended, in order of position. A try that will be repeated is no end. */
async function* resultsFrom(
  world: World,
  job: Job,
  { from, upTo }: { from: number; upTo: number },
): AsyncGenerator<{ position: number; entry: DoneEntry; result: TaskResult }> {
  const resultOf = createResults(world.store, job.id);
  for (let position = from; position < upTo; ) {
    const slice = (await loadSlice(world.store, keyOfTask(job, position)))?.slice;
    if (!slice) return;
    const done = await allDone(world.store, slice);
    for (; position < Math.min(upTo, slice.upTo); position += 1) {
      const entry = done.findLast((each) => names(each, position));
      const result = entry && entry.end !== "retrying" ? await resultOf(entry, position) : undefined;
      if (entry && result) yield { position, entry, result };
    }
  }
}

async function firstGrants({ blobs, clock }: World, job: Job, items: readonly Item[]): Promise<Record<string, Grant>> {
  const grants: Record<string, Grant> = {};
  const expiresAt = clock() + GRANT_MS;
  for (const { index, lease, result } of items) {
    for (const { sha256 } of blobsOfResult(result)) {
      if (Object.keys(grants).length === MAX_FREE_GRANTS) return grants;
      grants[sha256] ??= await blobs.grantGet(outputKey({ job: job.id, index, lease }, sha256), expiresAt);
    }
  }
  return grants;
}

function readCursor(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor))
    throw new RendtError("bad_request", `cursor ${JSON.stringify(cursor)} is none of ours`);
  return Number(cursor);
}
