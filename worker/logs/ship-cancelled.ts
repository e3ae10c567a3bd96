import type { Client } from "../../contract/client.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../contract/limits.ts";
import { createFrameDecoder, encodeFrame, encodeLogEnd, MAX_CANCELLED_LOG_BYTES } from "../../contract/log-frames.ts";
import type { Rate } from "../../files/rate.ts";
import { sayBytes } from "../say.ts";
import type { LogCounts, TaskLog } from "./task-log.ts";

/** The beginning of what a task printed, and how much it was. */
export type Printed = {
  read: TaskLog["read"];
  counts: Pick<LogCounts, "bytes" | "stdoutBytes" | "stderrBytes">;
};

type Cancelled = {
  client: Pick<Client, "appendLog">;
  rate?: Rate | undefined;
  lease: string;
  index: number;
  log: Printed;
  now(): number;
  signal: AbortSignal;
};

/** Sends what a task had printed when its job was cancelled, since no result will bring it. */
export async function shipCancelled({ client, rate, lease, index, log, now, signal }: Cancelled): Promise<void> {
  const bytes = Buffer.concat([await beginningOf(log, now()), encodeLogEnd(now())]);
  for (let offset = 0; offset < bytes.length; offset += MAX_LOG_CHUNK_BYTES) {
    const data = bytes.subarray(offset, offset + MAX_LOG_CHUNK_BYTES).toString("base64");
    await rate?.take(data.length, signal);
    await client.appendLog({ lease, index, offset, data, cancelled: true }, { signal });
  }
}

/** More than the words about what is left out and the mark of the end can need. */
const WORDS_BYTES = 128;

async function beginningOf(log: Printed, ms: number): Promise<Buffer> {
  const bytes = await log.read(0, MAX_CANCELLED_LOG_BYTES - WORDS_BYTES);
  if (bytes.length >= log.counts.bytes) return bytes;
  const decoder = createFrameDecoder();
  const kept = decoder.push(bytes).reduce((sum, frame) => sum + frame.bytes.length, 0);
  const left = log.counts.stdoutBytes + log.counts.stderrBytes - kept;
  const words = Buffer.from(`\n[rendt: the last ${sayBytes(left)} left out: the job was cancelled]\n`);
  return Buffer.concat([
    bytes.subarray(0, bytes.length - decoder.pending),
    encodeFrame({ stream: "stderr", ms, bytes: words }),
  ]);
}
