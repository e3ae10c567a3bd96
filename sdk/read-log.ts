import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { RendtError } from "../contract/errors.ts";
import type { Grant } from "../contract/grant.ts";
import { ENDED } from "../contract/job.ts";
import { MAX_WAIT_MS } from "../contract/limits.ts";
import { createFrameDecoder, type LogFrame } from "../contract/log-frames.ts";
import type { BlobRef } from "../contract/manifest.ts";
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
  signal?: AbortSignal | undefined;
};

const REST_MS = 500;

/** Reads what a task printed, in the order in which it did: while it runs, and whole once it has ended. */
export async function* readLog(server: Server, wanted: LogWanted): AsyncGenerator<LogFrame> {
  const { id, index, follow = false, signal } = wanted;
  let lease: string | undefined;
  let after = 0;
  let complete = false;
  let decoder = createFrameDecoder();
  for (;;) {
    const began = performance.now();
    const request = { id, index, try: wanted.try, after, follow: String(follow), wait: follow ? MAX_WAIT_MS : 0 };
    const answer = await server.client.logs(request, { signal });
    if (answer.lease !== lease) {
      const again = lease !== undefined;
      lease = answer.lease;
      after = 0;
      complete = false;
      decoder = createFrameDecoder();
      if (again) continue;
    }
    const before = after;
    for (const { offset, data } of answer.chunks) {
      const bytes = Buffer.from(data, "base64");
      // A piece that is missing in between comes with the whole log.
      if (offset > after || complete) break;
      yield* decoder.push(bytes.subarray(after - offset));
      after = Math.max(after, offset + bytes.length);
    }
    if (answer.log && !complete) {
      const whole = readWholeLog(server, { ...wanted, index: answer.index, log: answer.log, grant: answer.grant });
      for await (const bytes of skip(whole, after)) yield* decoder.push(bytes);
      complete = true;
      after = answer.log.bytes;
    }
    if (!follow || ENDED.has(answer.status)) return;
    const quick = performance.now() - began < REST_MS && after === before;
    if (quick) await sleep(answer.retryAfterMs ?? REST_MS, signal);
  }
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
  for await (const bytes of unzip) yield bytes as Buffer;
}

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
