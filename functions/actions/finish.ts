import { RendtError } from "../../contract/errors.ts";
import type { JobSpec } from "../../contract/job.ts";
import { INLINE_RECORD_BYTES, MAX_DOCUMENT_BYTES } from "../../contract/limits.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { TaskResult } from "../../contract/result.ts";
import type { FinishItem, Lease } from "../../contract/worker.ts";
import { outputKey } from "../blobs/keys.ts";
import type { CommandOf } from "../domain/commands.ts";
import { verdictOf } from "../domain/finish.ts";
import { withSlice } from "../domain/only-slice.ts";
import type { DocRef } from "../domain/record-fields.ts";
import type { Job, Slice, WorkerRecord } from "../domain/records.ts";
import { remember } from "../domain/remember.ts";
import { decide } from "../domain/slice.ts";
import { applyToSlice, type Loaded } from "./apply.ts";
import { mapAtMost } from "./at-most.ts";
import type { Call, World } from "./call.ts";
import { claimNext, restMs } from "./claim.ts";
import { readLeaseId } from "./lease-id.ts";
import { indexAt } from "./positions.ts";
import { toRefusal } from "./refusal.ts";
import { blobsOfResult } from "./results.ts";
import { createRoom } from "./room.ts";
import { isDraining } from "./sightings.ts";

type Answered = AnswerOf<"finish">["items"][number];

const MAX_UNDER_WAY = 16;
const MAX_HEADS = 32;
/** Results up to here stay in a slice's record: a document of their own would cost a write too. */
const INLINE_RESULT_BYTES = 256;
/** And up to here in the record of a single job, which ends with it: a job of which nothing else is kept costs nothing to remove. */
const INLINE_ENDED_BYTES = 1400;

/** Takes results in, each item for itself, and claims the next work in the same call. */
export async function finish(call: Call, request: ParsedRequestOf<"finish">): Promise<AnswerOf<"finish">> {
  const { world, who } = call;
  const worker = await world.sightings.see(
    { id: request.worker, account: who.account, ...(request.leases > 0 && { stands: "asking" }) },
    world.clock(),
  );
  const wanted = call.mayClaim && !isDraining(worker) ? request.leases : 0;
  const room = createRoom(request.free);
  // Both at once, so that their commits share a sync.
  const [items, early] = await Promise.all([
    mapAtMost(MAX_UNDER_WAY, request.items, (item) => finishItem(world, worker, item)),
    claimNext(world, worker, { leases: wanted, scopes: who.scopes, room }),
  ]);
  // What was just finished may have made room in a slice that holds its most leases.
  const late = await claimNext(world, worker, { leases: wanted - early.length, scopes: who.scopes, room });
  const leases: Lease[] = [...early, ...late];
  return { items, leases, retryAfterMs: leases.length > 0 || wanted === 0 ? 0 : restMs(world, 0) };
}

async function finishItem(world: World, { id: worker }: WorkerRecord, item: FinishItem): Promise<Answered> {
  const { lease, from, results, end } = item;
  const key = readLeaseId(lease);
  const allLost = { lease, accepted: [], lost: results.length === 0 ? [] : [{ from, upTo: from + results.length }] };
  if (!key) return allLost;
  let stored: Stored | undefined;
  try {
    const applied = await applyToSlice<"finish">(world, key, async (loaded, now) => {
      const { slice } = loaded;
      const command: CommandOf<"finish"> = {
        kind: "finish",
        worker,
        lease,
        from,
        verdicts: results.map((result) => verdictOf(result, slice.codes)),
        ...(end && { end: end.kind }),
        ...(results.length > 0 && { taskMs: meanMs(results) }),
      };
      if (results.length === 0) return command;
      const preview = decide<"finish">(slice, command, now);
      if ("code" in preview && preview.code !== "needs_pages") return command;
      // Nothing is to be stored when nothing is taken. Whether a finish that goes back to folded entries adds some is not known yet.
      if (!("code" in preview) && preview.slice === slice) return command;
      stored ??= await store(world, loaded, item, "code" in preview ? undefined : preview.slice);
      return { ...command, ...stored, docFrom: from };
    });
    world.told.forget(lease);
    if (applied) notePace(world, applied.slice);
    return applied ? { lease, ...applied.answer } : allLost;
  } catch (error) {
    return { lease, accepted: [], lost: [], error: toRefusal(error) };
  }
}

/** Where results are; and the bytes of the blobs of each, if the account of the job has a quota for them. */
type Stored = { doc: DocRef; bytes?: number[] };

/** Checks what a worker hands in against its job and the object store, and puts it where the record can name it. */
async function store(
  world: World,
  { slice, job: header }: Loaded,
  { lease, from, results }: FinishItem,
  next: Slice | undefined,
): Promise<Stored> {
  const job = header ?? (await world.store.get("job", [slice.job]))[0];
  if (!job) throw new RendtError("lease_lost", `job ${slice.job} was removed`);
  checkIndexes(await world.specs.read(job), from, results);
  await assertDelivered(world, { job, lease, results });
  const text = JSON.stringify(results);
  const size = Buffer.byteLength(text);
  if (size > MAX_DOCUMENT_BYTES) {
    const allowed = `at most ${MAX_DOCUMENT_BYTES} are taken at once: hand them in by several finishes`;
    throw new RendtError("bad_request", `these ${results.length} results have ${size} bytes, ${allowed}`);
  }
  const isInline = next && fits(header ? withSlice(header, next) : next, size);
  const doc = isInline ? { inline: results } : { hash: await world.store.putDocument(slice.job, text) };
  return job.metered?.bytes === undefined ? { doc } : { doc, bytes: results.map(bytesOf) };
}

const bytesOf = (result: TaskResult): number => blobsOfResult(result).reduce((sum, { size }) => sum + size, 0);

/** Whether results of `size` bytes have a place in a record, which will be as given but for them. */
function fits(record: Job | Slice, size: number): boolean {
  const used = Buffer.byteLength(JSON.stringify(record)) + size;
  if ("only" in record && record.only?.status !== "open") return used <= INLINE_ENDED_BYTES;
  return size <= INLINE_RESULT_BYTES && used <= INLINE_RECORD_BYTES;
}

function checkIndexes(spec: Pick<JobSpec, "array">, from: number, results: readonly TaskResult[]): void {
  for (const [offset, { index }] of results.entries()) {
    const expected = indexAt(spec, from + offset);
    if (index === expected) continue;
    const message = `the result at position ${from + offset} is of task ${expected}, not of task ${index}`;
    throw new RendtError("bad_request", message, { details: { position: from + offset, index, expected } });
  }
}

/** A worker's word proves nothing: what a result names has to be in the object store, whole. */
async function assertDelivered(
  { blobs }: World,
  { job, lease, results }: { job: Job; lease: string; results: readonly TaskResult[] },
): Promise<void> {
  const named = results.flatMap((result) => blobsOfResult(result).map((blob) => ({ index: result.index, ...blob })));
  const found = await mapAtMost(MAX_HEADS, named, async ({ index, sha256, size }) => {
    const object = await blobs.head(outputKey({ job: job.id, index, lease }, sha256));
    return object?.size === size;
  });
  const missing = named.filter((_, at) => !found[at]);
  if (missing.length === 0) return;
  throw new RendtError("outputs_missing", `${missing.length} of ${named.length} outputs are not stored`, {
    details: { missing },
  });
}

function notePace({ pace }: World, { job, taskMs }: Slice): void {
  if (taskMs !== undefined) remember(pace, job, taskMs);
}

const meanMs = (results: readonly TaskResult[]): number =>
  results.reduce((sum, { durationMs }) => sum + durationMs, 0) / results.length;
