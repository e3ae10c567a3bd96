import { RendtError } from "../../contract/errors.ts";
import type { AnswerOf, ParsedRequestOf } from "../../contract/operations.ts";
import type { StreamKey } from "../store/port.ts";
import type { Call } from "./call.ts";
import { ownLease } from "./own-lease.ts";
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

/** Takes a piece of a log that somebody watches. */
export async function appendLog(call: Call, request: ParsedRequestOf<"appendLog">): Promise<AnswerOf<"appendLog">> {
  const { world } = call;
  const { lease, index, offset } = request;
  const { slice, job, holds } = await ownLease(call, lease);
  const position = positionOf(await world.specs.read(job), index);
  if (position === undefined || !holds(position)) {
    throw new RendtError("lease_lost", `lease ${lease} does not hold task ${index} of job ${job.id}`);
  }
  const now = world.clock();
  const data = Buffer.from(request.data, "base64");
  if (data.length > 0) {
    await world.store.appendChunk(streamOf({ job: job.id, index, lease }), { offset, data }, { now, keepMs: KEEP_MS });
    world.doorbell.ring(`log:${job.id}`);
  }
  return { watch: (slice.watchUntil ?? 0) > now, ...(!world.doorbell.holds && { restMs: POLLED_MS }) };
}
