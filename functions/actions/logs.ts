import { RendtError } from "../../contract/errors.ts";
import { ENDED, type JobStatus } from "../../contract/job.ts";
import { GRANT_MS, WATCH_MS } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import { outputKey } from "../blobs/keys.ts";
import type { Job, Slice } from "../domain/records.ts";
import type { DoneEntry, LiveLease } from "../domain/slice-record.ts";
import { statusOf } from "../domain/status.ts";
import type { LogChunk } from "../store/port.ts";
import { cutStreamOf, streamOf } from "./append-log.ts";
import { applyToSlice, keyOfTask, loadSlice } from "./apply.ts";
import type { Call, World } from "./call.ts";
import { ownJob } from "./own-job.ts";
import { indexAt, positionOf, tasksOf } from "./positions.ts";
import { allDone, createResults, names } from "./results.ts";
import { lookUntil } from "./waiting.ts";

type Answer = AnswerOf<"logs">;
type Asked = ParsedRequestOf<"logs">;
/** One run of a task: alive, ended with what `entry` names, or cut off when its job was cancelled. */
type Run = { lease: string; try: number; entry?: DoneEntry; cutAt?: number };
type Found = { status: JobStatus; run?: Run };

/** Before base64: the whole answer stays well below the largest one. */
const MOST_CHUNK_BYTES = 1024 * 1024;
const ASK_AGAIN_MS = 500;
/** Unless its worker's owner says otherwise a cancelled task has 10 s to end by itself; then its worker sends what it printed. */
const LAST_WORDS_MS = 12_000;

/** What a task prints: live pieces while it runs and somebody follows, the whole log once it ended. */
export async function logs(call: Call, request: Asked): Promise<Answer> {
  const { world, who } = call;
  const job = await ownJob(world, who, request.id);
  const spec = await world.specs.read(job);
  const index = request.index ?? indexAt(spec, 0);
  const position = positionOf(spec, index);
  if (position === undefined) throw new RendtError("not_found", `job ${job.id} has no task ${index}: ${tasksOf(spec)}`);

  const topics = [`log:${job.id}`, `job:${job.id}`];
  const now = world.clock();
  const begin = (await find(world, job, position, request.try)).run;
  const waitMs = Math.min(request.wait ?? 0, leftOf(begin, now));
  const { value, enough } = await lookUntil(call, { topics, waitMs }, async () => {
    const found = await find(world, await ownJob(world, who, job.id), position, request.try);
    if (request.follow && found.run && isAlive(found.run)) await watch(world, job, position);
    if (request.try !== undefined && !found.run && (!request.follow || ENDED.has(found.status)))
      throw new RendtError("not_found", `task ${index} of job ${job.id} has had no try ${request.try}`);
    const answer = await read(world, { job, index, position, found }, request.after);
    const isOver = found.run === undefined ? ENDED.has(found.status) : answer.over;
    const isOther = found.run?.lease !== begin?.lease || found.run?.cutAt !== begin?.cutAt;
    return { value: answer, enough: answer.chunks.length > 0 || isOver === true || isOther };
  });
  return { ...value, now, ...(!enough && { retryAfterMs: ASK_AGAIN_MS }) };
}

/** How long a run may still bring something: nothing rings when the time of a cancelled one is over. */
const leftOf = (run: Run | undefined, now: number): number =>
  run?.cutAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, run.cutAt + LAST_WORDS_MS - now);

const isAlive = ({ entry, cutAt }: Run): boolean => !entry && cutAt === undefined;

/** The run asked for, else the one that is alive, else the last. */
async function find(world: World, job: Job, position: number, wanted: number | undefined): Promise<Found> {
  const slice = (await loadSlice(world.store, keyOfTask(job, position)))?.slice;
  if (!slice) return { status: statusOf(job, []).status };
  const ended = (await allDone(world.store, slice)).filter((entry) => names(entry, position) && entry.end !== "poison");
  const runs: Run[] = ended.map((entry, at) => ({ lease: entry.lease, try: at + 1, entry }));
  const live = Object.entries(slice.leases).find(([, { from, upTo }]) => from <= position && position < upTo);
  if (live) runs.push({ lease: live[0], try: runs.length + 1 });
  const cut = Object.entries(slice.cut ?? {}).find(([, { from, upTo }]) => from <= position && position < upTo);
  if (cut) runs.push({ lease: cut[0], try: runs.length + 1, cutAt: slice.times.endedAt ?? 0 });
  const status = taskStatus(job, slice, { live: live?.[1], last: ended.at(-1), position });
  const run = wanted === undefined ? runs.at(-1) : runs.find((each) => each.try === wanted);
  return { status, ...(run && { run }) };
}

function taskStatus(
  job: Job,
  slice: Slice,
  { live, last, position }: { live: LiveLease | undefined; last: DoneEntry | undefined; position: number },
): JobStatus {
  if (live) return live.phase;
  const open = slice.open.find(({ from, upTo }) => from <= position && position < upTo);
  if (open) return open.notBefore === undefined ? "available" : "waiting";
  if (last?.end === "succeeded") return "finished";
  if (slice.status === "cancelled" || slice.status === "expired") return slice.status;
  return slice.status === "open" ? "failed" : statusOf(job, [slice]).status === "finished" ? "finished" : "failed";
}

async function read(
  world: World,
  { job, index, position, found }: { job: Job; index: number; position: number; found: Found },
  after: number,
): Promise<Answer> {
  const { status, run } = found;
  if (!run) return { index, status, chunks: [] };
  const of = { job: job.id, index, lease: run.lease };
  const answer = { index, status, lease: run.lease, try: run.try };
  if (!run.entry) {
    const chunks = await readPieces(world, of, { after, isCut: run.cutAt !== undefined });
    const over = chunks.length === 0 && leftOf(run, world.clock()) === 0;
    return {
      ...answer,
      ...(over && { over }),
      chunks: chunks.map(({ offset, data }) => ({ offset, data: Buffer.from(data).toString("base64") })),
    };
  }
  const log = (await createResults(world.store, job.id)(run.entry, position))?.log;
  const key = log?.blob && outputKey(of, log.blob.sha256);
  const grant = key && (await world.blobs.grantGet(key, world.clock() + GRANT_MS));
  return { ...answer, over: true, chunks: [], ...(log && { log }), ...(grant && { grant }) };
}

/** What came since a cancel is as long as the job; what came live is there sooner, and all there is if the worker is gone, too. */
async function readPieces(
  { store }: World,
  of: { job: string; index: number; lease: string },
  { after, isCut }: { after: number; isCut: boolean },
): Promise<LogChunk[]> {
  const kept = isCut ? await store.readChunks(cutStreamOf(of), after, MOST_CHUNK_BYTES) : [];
  return kept.length > 0 ? kept : store.readChunks(streamOf(of), after, MOST_CHUNK_BYTES);
}

/** Asks the worker to ship what is printed, for a while; the follower's next call prolongs it. */
async function watch(world: World, job: Job, position: number): Promise<void> {
  const until = world.clock() + WATCH_MS;
  await applyToSlice<"watch">(world, keyOfTask(job, position), ({ slice: { watchUntil = 0 } }) => ({
    kind: "watch",
    // A commit per call would be a write per piece of log.
    until: watchUntil > until - WATCH_MS / 2 ? watchUntil : until,
  }));
}
