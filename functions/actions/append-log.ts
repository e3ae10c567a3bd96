import { RendtError } from "../../contract/errors.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../contract/limits.ts";
import { MAX_CANCELLED_LOG_BYTES } from "../../contract/log-frames.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { StreamKey } from "../store/port.ts";
import type { Call } from "./call.ts";
import { cutLease, ownLease } from "./own-lease.ts";
import { positionOf } from "./positions.ts";

/** Live pieces are for those who look on; the whole log comes with the result. */
const KEEP_MS = 3_600_000;
/** Where readers have to poll, they are no sooner there; with their pace, two calls and this, a line is on the screen within 2 s. */
const POLLED_MS = 500;

/** The stream of one run of a task. */
export const streamOf = ({ job, index, lease }: { job: string; index: number; lease: string }): StreamKey => ({
  job,
  run: `${index}/${lease}`,
});

/** What a task had printed when its job was cancelled: there is no result that could name it, so it lies here as long as its job. */
export const cutStreamOf = ({ job, index, lease }: { job: string; index: number; lease: string }): StreamKey => ({
  job,
  run: `${index}/${lease}/cut`,
});

/** Takes a piece of a log that somebody watches, or of one that no result will bring any more. */
export async function appendLog(call: Call, request: ParsedRequestOf<"appendLog">): Promise<AnswerOf<"appendLog">> {
  const { world } = call;
  const { lease, index, offset, cancelled = false } = request;
  const { slice, job, holds } = await (cancelled ? cutLease : ownLease)(call, lease);
  const position = positionOf(await world.specs.read(job), index);
  if (position === undefined || !holds(position)) {
    throw new RendtError("lease_lost", `lease ${lease} does not hold task ${index} of job ${job.id}`);
  }
  const now = world.clock();
  const data = Buffer.from(request.data, "base64");
  if (cancelled) assertBounded(offset, data);
  if (data.length > 0) {
    const of = { job: job.id, index, lease };
    const [stream, keepMs] = cancelled ? [cutStreamOf(of), job.keepMs] : [streamOf(of), KEEP_MS];
    await world.store.appendChunk(stream, { offset, data }, { now, keepMs });
    world.doorbell.ring(`log:${job.id}`);
  }
  return { watch: (slice.watchUntil ?? 0) > now, ...(!world.doorbell.holds && { restMs: POLLED_MS }) };
}

/** Pieces that overlap would be a way to keep any number of bytes here. */
function assertBounded(offset: number, data: Uint8Array): void {
  if (offset % MAX_LOG_CHUNK_BYTES === 0 && offset + data.length <= MAX_CANCELLED_LOG_BYTES) return;
  throw new RendtError(
    "bad_request",
    `a piece of ${data.length} bytes at offset ${offset} of a cancelled task's log: pieces begin at multiples of ${MAX_LOG_CHUNK_BYTES} and end at ${MAX_CANCELLED_LOG_BYTES}`,
  );
}
