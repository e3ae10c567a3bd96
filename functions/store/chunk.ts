import { RendtError } from "../../contract/errors.ts";
import { MAX_LOG_CHUNK_BYTES } from "../../contract/limits.ts";
import type { LogChunk, StreamKey } from "./port.ts";

export function assertChunk(key: StreamKey, { offset, data }: LogChunk): void {
  const stream = nameStream(key);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RendtError("bad_request", `a chunk of ${stream} at offset ${offset}: offsets count bytes from 0`);
  }
  if (data.byteLength > MAX_LOG_CHUNK_BYTES) {
    throw new RendtError(
      "body_too_large",
      `a chunk of ${stream} has ${data.byteLength} bytes, at most ${MAX_LOG_CHUNK_BYTES} are allowed`,
    );
  }
}

/** One text, for stores and messages. */
export const nameStream = ({ job, run }: StreamKey): string => `${job}/${run}`;

/** The lowest offset, exclusive, at which a chunk with bytes from `after` on can begin. */
export const chunksFrom = (after: number): number => Math.max(0, after - MAX_LOG_CHUNK_BYTES) - 1;

/** Of chunks in order, those that the reader asked for: whole chunks, as many as fit the limit, but at least one. */
export async function takeChunks(
  chunks: Iterable<LogChunk> | AsyncIterable<LogChunk>,
  after: number,
  limitBytes: number,
): Promise<LogChunk[]> {
  const taken: LogChunk[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    if (chunk.offset < after && chunk.offset + chunk.data.byteLength <= after) continue;
    bytes += chunk.data.byteLength;
    if (taken.length > 0 && bytes > limitBytes) break;
    taken.push(chunk);
  }
  return taken;
}
