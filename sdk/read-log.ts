import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { RendtError } from "../contract/errors.ts";
import type { Grant } from "../contract/grant.ts";
import { ENDED, type JobStatus } from "../contract/job.ts";
import { MAX_WAIT_MS } from "../contract/limits.ts";
import { createFrameDecoder, isLogEnd, type LogFrame } from "../contract/log-frames.ts";
import type { BlobRef } from "../contract/manifest.ts";
import type { AnswerOf } from "../contract/operations.ts";
import type { LogRef } from "../contract/result.ts";
import { sleep } from "../contract/retry.ts";
import { createGrantDesk } from "../files/grant-desk.ts";
import { createBlobReader } from "../files/read-blob.ts";
import type { Server } from "./open-server.ts";

/** Which log: of the task `index` (the first unless said), of the last try unless said. */
export type LogWanted = {
  id: string;
  index?: number | undefined;
  try?: number | undefined;
  /** Go on until the task has ended, over all its tries to come. */
  follow?: boolean | undefined;
  /** Hears the server's time at the beginning: frames from before it had been printed already. */
  onBegin?: ((ms: number) => void) | undefined;
  /** Hears at each look how the task stands. */
  onLook?: ((standing: LogStanding) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/** `begun`: a worker has taken the task; `whole`: of one that was cancelled, all that it printed is there. */
export type LogStanding = { status: JobStatus; begun: boolean; whole: boolean };

const REST_MS = 500;
/** Who does not follow a task that runs waits so long for its worker to send what there is. */
const LOOK_MS = 1000;

/**
 * Reads what a task printed, in the order in which it did: while it runs, and whole once it has ended. Without `follow`, of a task that runs
 * what it has printed so far, as far as its worker can be reached.
 */
export async function* readLog(server: Server, wanted: LogWanted): AsyncGenerator<LogFrame> {
  const { id, index, follow = false, signal } = wanted;
  const began = performance.now();
  let begin: number | undefined;
  let at = startOf(undefined);
  let last: LogFrame | undefined;
  for (let first = true; ; first = false) {
    const asked = performance.now();
    const watch = { follow: String(follow || !first), wait: follow ? MAX_WAIT_MS : first ? 0 : LOOK_MS };
    const answer = await server.client.logs({ id, index, try: wanted.try, after: at.after, ...watch }, { signal });
    begin ??= tell(answer, wanted);
    if (answer.lease !== at.lease) {
      const before = at;
      at = startOf(answer);
      if (before.lease !== undefined) {
        yield* readRest(server, wanted, before);
        continue;
      }
    }
    const known = at.after;
    for (const frame of take(at, answer)) {
      last = frame;
      yield frame;
    }
    if (answer.log && !at.complete) yield* readEnd(server, wanted, { at, answer });
    wanted.onLook?.({ status: answer.status, begun: answer.lease !== undefined, whole: at.complete });
    if (wanted.try !== undefined && answer.over) return;
    // Of a task that was cancelled its worker sends everything once it has ended; until then there may be last words.
    if (ENDED.has(answer.status) && (at.complete || answer.over || answer.lease === undefined)) return;
    if (!follow) {
      const none = at.after === known && !first && performance.now() - began >= LOOK_MS;
      if (answer.over || answer.lease === undefined || none || (last && last.ms >= begin)) return;
    }
    const quick = performance.now() - asked < REST_MS && at.after === known;
    if (quick && !first) await sleep(answer.retryAfterMs ?? REST_MS, signal);
  }
}

type Answer = AnswerOf<"logs">;
/** How far one try was read. */
type Place = {
  lease: string | undefined;
  try: number | undefined;
  after: number;
  complete: boolean;
  decoder: ReturnType<typeof createFrameDecoder>;
};

const startOf = (answer: Pick<Answer, "lease" | "try"> | undefined): Place => ({
  lease: answer?.lease,
  try: answer?.try,
  after: 0,
  complete: false,
  decoder: createFrameDecoder(),
});

function tell({ now = Date.now() }: Answer, { onBegin }: LogWanted): number {
  onBegin?.(now);
  return now;
}

/** The pieces that join on to what was read. One that is missing in between comes with the whole log. */
function* take(at: Place, { chunks }: Answer): Generator<LogFrame> {
  for (const { offset, data } of chunks) {
    const bytes = Buffer.from(data, "base64");
    if (offset > at.after || at.complete) return;
    for (const frame of at.decoder.push(bytes.subarray(at.after - offset))) {
      if (isLogEnd(frame)) at.complete = true;
      else yield frame;
    }
    at.after = Math.max(at.after, offset + bytes.length);
  }
}

/** What the whole log of an ended try has beyond what was read of it. */
async function* readEnd(
  server: Server,
  { id, signal }: LogWanted,
  { at, answer }: { at: Place; answer: Answer },
): AsyncGenerator<LogFrame> {
  const { log, grant, index } = answer;
  if (!log) return;
  for await (const bytes of skip(readWholeLog(server, { id, index, log, grant, signal }), at.after))
    yield* at.decoder.push(bytes);
  at.complete = true;
  at.after = log.bytes;
}

/** The next try has begun before the last one was read to its end. One whose worker vanished has no end. */
async function* readRest(server: Server, wanted: LogWanted, at: Place): AsyncGenerator<LogFrame> {
  if (at.complete || at.try === undefined) return;
  const { id, index, signal } = wanted;
  const answer = await server.client
    .logs({ id, index, try: at.try, after: at.after }, { signal })
    .catch((error: unknown) => {
      // A try that was cancelled, or whose worker vanished, left nothing.
      if (error instanceof RendtError && error.code === "not_found") return undefined;
      throw error;
    });
  if (answer && answer.lease === at.lease) yield* readEnd(server, wanted, { at, answer });
}

type Whole = { id: string; index: number; log: LogRef; grant?: Grant | undefined; signal?: AbortSignal | undefined };

/** The frame stream of a task that has ended. */
async function* readWholeLog(server: Server, { id, index, log, grant, signal }: Whole): AsyncGenerator<Buffer> {
  const { blob } = log;
  const packed = blob
    ? verified(readLogBlob(server, { id, index, blob, grant, signal }), blob)
    : [Buffer.from(log.data ?? "", "base64")];
  if (log.bytes === 0) return;
  const unzip = createGunzip();
  // An error of the source, and a reader who stops early, reach the other end; the error itself comes out of the loop.
  pipeline(Readable.from(packed), unzip, () => undefined);
  let size = 0;
  try {
    for await (const bytes of unzip as AsyncIterable<Buffer>) {
      size += bytes.length;
      // A few kilobytes can be packed gigabytes.
      if (size > log.bytes) throw new RendtError("wrong_content", `the log is longer than its ${log.bytes} bytes`);
      yield bytes;
    }
  } catch (cause) {
    if (!isZlibError(cause)) throw cause;
    throw new RendtError("wrong_content", `the log is damaged: ${cause.message}`, { cause });
  }
}

const isZlibError = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && String(error.code).startsWith("Z_");

function readLogBlob(server: Server, { id, index, blob, grant, signal }: Omit<Whole, "log"> & { blob: BlobRef }) {
  const transfer = {
    ...server,
    entryOf: (wanted: BlobRef) => ({ use: "output", job: id, index, blob: wanted }) as const,
    grants: grant ? { [blob.sha256]: grant } : {},
    signal,
  };
  return createBlobReader(createGrantDesk(transfer, [blob]), transfer)(blob);
}

async function* verified(pieces: AsyncIterable<Buffer>, blob: BlobRef): AsyncGenerator<Buffer> {
  const digest = createHash("sha256");
  for await (const piece of pieces) {
    digest.update(piece);
    yield piece;
  }
  if (digest.digest("hex") !== blob.sha256)
    throw new RendtError("wrong_content", "the log did not arrive as it was sent");
}

async function* skip(pieces: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const piece of pieces) {
    const rest = piece.subarray(Math.max(0, bytes - at));
    at += piece.length;
    if (rest.length > 0) yield rest;
  }
}
