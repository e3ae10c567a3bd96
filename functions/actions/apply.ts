import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, CommandKind, CommandOf } from "../domain/commands.ts";
import { folded, pageOf } from "../domain/done.ts";
import { slicePlaces } from "../domain/index-places.ts";
import { isFinal, withEnded } from "../domain/job.ts";
import { sliceAt } from "../domain/layout.ts";
import { sliceOf, withSlice } from "../domain/only-slice.ts";
import { sizeOf } from "../domain/ranges.ts";
import type { Job, Slice } from "../domain/records.ts";
import { decide } from "../domain/slice.ts";
import { type DoneEntry, donePage } from "../domain/slice-record.ts";
import { sliceId } from "../store/keys.ts";
import type { Change, SliceKey, Store } from "../store/port.ts";
import type { World } from "./call.ts";
import { commitMetered, meter, unbounded } from "./metering.ts";
import { readDocument } from "./spec.ts";

/** Tries of one action; each lost one means that somebody else's change went through. */
const MOST_TRIES = 30;

/** A slice, and the header that carries it when it is the only one of its job. */
export type Loaded = { slice: Slice; job?: Job | undefined };

/** The slice as it stands now, the header that carries it when it is the only one, and what the domain answered. */
export type Applied<K extends CommandKind> = Loaded & { answer: AnswerOf<K> };

/**
 * Changes a slice: loads it, decides, commits, and begins again when somebody else was faster. `commandOf` is asked at each try, because what
 * it says may depend on the slice; ids it names are to be drawn before. Undefined when there is no such slice.
 */
export async function applyToSlice<K extends CommandKind>(
  world: World,
  key: SliceKey,
  commandOf: (loaded: Loaded, now: number) => CommandOf<K> | Promise<CommandOf<K>>,
): Promise<Applied<K> | undefined> {
  return retrying(`slice ${key.job}.${key.number ?? 0}`, async () => {
    const loaded = await loadSlice(world.store, key);
    if (!loaded) return { value: undefined };
    const now = world.clock();
    const { slice, job } = loaded;
    const command = await commandOf(loaded, now);
    const decision = await decideWithPages<K>(world.store, { slice, command, now });
    if (decision.slice === slice) return { value: { slice, job, answer: decision.answer } };

    const next = await fold(world.store, { ...decision.slice, version: slice.version + 1 });
    const changes = job
      ? await headerChanges(world, job, { ...withSlice(job, next), version: next.version })
      : await sliceChanges(world, { slice, next, now });
    if (changes === undefined) return "conflict";
    const bounded = command.kind === "finish" ? unbounded(changes) : changes;
    if ((await commitMetered(world, bounded)) === "conflict") return "conflict";
    announce(world, slice, next);
    return { value: { slice: next, job, answer: decision.answer } };
  });
}

/**
 * Changes a header: `change` answers the changed one (with whatever else has to be committed with it), or the very header given when
 * there is nothing to do. Undefined when there is no such job.
 */
export async function applyToJob(
  world: World,
  id: string,
  change: (job: Job, now: number) => JobChange | Promise<JobChange>,
): Promise<Job | undefined> {
  return retrying(`job ${id}`, async () => {
    const [job] = await world.store.get("job", [id]);
    if (!job) return { value: undefined };
    const changed = await change(job, world.clock());
    const { job: next, also } = "job" in changed ? changed : { job: changed, also: [] };
    if (next === job && also.length === 0) return { value: job };
    const put = putJob({ ...next, version: job.version + 1 }, job.version);
    const before = { job, slices: also.map((each) => each.before) };
    const counts = await meter(world, job.owner, before, { job: put.put, slices: also.map(({ after }) => after) });
    const changes = [put, ...also.map(({ change }) => change), ...counts];
    if ((await commitMetered(world, changes)) === "conflict") return "conflict";
    announce(world, sliceOf(job), sliceOf(put.put), put.put);
    for (const { before, after } of also) announce(world, before, after);
    return { value: put.put };
  });
}

/** A slice of its own that changes together with its header. */
export type SliceChange = { change: Change; before?: Slice | undefined; after: Slice };
type JobChange = Job | { job: Job; also: SliceChange[] };

/** Begins again while somebody else is faster. */
export async function retrying<T>(what: string, attempt: () => Promise<{ value: T } | "conflict">): Promise<T> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const result = await attempt();
    if (result !== "conflict") return result.value;
  }
  throw new RendtError("conflict", `${what} was changed by others ${MOST_TRIES} times in a row`);
}

/** The slice that holds a task. */
export const keyOfTask = (job: Job, position: number): SliceKey =>
  job.slices === 1 ? { job: job.id } : { job: job.id, number: sliceAt(job, position) };

/** Reads a slice, wherever it stands. */
export async function loadSlice(store: Pick<Store, "get">, { job: id, number }: SliceKey): Promise<Loaded | undefined> {
  if (number !== undefined) {
    const [slice] = await store.get("slice", [sliceId(id, number)]);
    return slice && { slice };
  }
  const [job] = await store.get("job", [id]);
  const slice = job && sliceOf(job);
  return slice && { slice, job };
}

/** The older entries of `done`, oldest first; pages of pages come before what follows them. */
export async function readDonePages(store: Pick<Store, "getDocuments">, slice: Slice): Promise<DoneEntry[]> {
  const read = async (hashes: readonly string[]): Promise<DoneEntry[]> => {
    const entries: DoneEntry[] = [];
    for (const hash of hashes) {
      const page = donePage.parse(JSON.parse(await readDocument(store, slice.job, { hash })));
      entries.push(...(await read(page.pages)), ...page.done);
    }
    return entries;
  };
  return read(slice.pages ?? []);
}

/** Decides; the older entries of `done` are read when the answer is in them. A refusal is thrown. */
async function decideWithPages<K extends CommandKind>(
  store: Store,
  { slice, command, now }: { slice: Slice; command: CommandOf<K>; now: number },
): Promise<{ slice: Slice; answer: AnswerOf<K> }> {
  const first = decide<K>(slice, command, now);
  if (!("code" in first)) return first;
  if (first.code !== "needs_pages") throw new RendtError(first.code, first.message, { details: first.details });
  return decideWithPages<K>(store, { slice, now, command: { ...command, pages: await readDonePages(store, slice) } });
}

async function fold(store: Store, slice: Slice): Promise<Slice> {
  const page = pageOf(slice);
  if (!page) return slice;
  return folded(slice, page, await store.putDocument(slice.job, JSON.stringify(page)));
}

async function headerChanges(world: World, before: Job, after: Job): Promise<Change[]> {
  const put = putJob(after, before.version);
  return [put, ...(await meter(world, before.owner, { job: before }, { job: put.put }))];
}

/** A slice that becomes final takes its header along; undefined when the header is not what it was. */
async function sliceChanges(
  world: World,
  { slice, next, now }: { slice: Slice; next: Slice; now: number },
): Promise<Change[] | undefined> {
  const put: Change = { kind: "slice", put: next, expect: slice.version };
  const counts = await meter(world, slice.owner, { slices: [slice] }, { slices: [next] });
  if (next.status === "open") return [put, ...counts];
  const [job] = await world.store.get("job", [slice.job]);
  if (!job) return undefined;
  const header = withEnded(job, next, now);
  if (header === job) return [put, ...counts];
  return [put, ...counts, ...(await headerChanges(world, job, { ...header, version: job.version + 1 }))];
}

/** An ended header is removed by the sweep once its retention has passed. */
export function putJob(job: Job, expect: number | "absent"): { kind: "job"; put: Job; expect: number | "absent" } {
  const { endedAt } = job.times;
  const put = endedAt !== undefined && isFinal(job) ? { ...job, wakeAt: endedAt + job.keepMs } : job;
  return { kind: "job", put, expect };
}

/** Tells those who wait: watchers of the job, idle workers when more can be claimed, and workers whose lease was taken away. */
export function announce(world: World, before: Slice | undefined, after: Slice | undefined, header?: Job): void {
  const { ring } = world.doorbell;
  const job = header?.id ?? after?.job ?? before?.job;
  if (job !== undefined) ring(`job:${job}`);
  if (!after) return;
  if (slicePlaces(after).byQueue && (!before || openTasks(after) > openTasks(before) || !slicePlaces(before).byQueue)) {
    ring(`queue:${after.queue}`);
  }
  for (const [id, { worker }] of Object.entries(before?.leases ?? {})) {
    if (!after.leases[id] || before?.watchUntil !== after.watchUntil) ring(`lease:${worker}`);
  }
}

const openTasks = (slice: Slice): number => slice.open.reduce((sum, range) => sum + sizeOf(range), 0);
