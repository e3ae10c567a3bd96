import { type FileHandle, open, rm, writeFile } from "node:fs/promises";
import { encodeFrameHead, FRAME_HEAD_BYTES, type LogStream, MAX_FRAME_BYTES } from "../../contract/log-frames.ts";
import { sayBytes } from "../say.ts";

/** What a task printed, as frames: in memory while that is short, then in files beside the task's folder. */
export type TaskLog = {
  write(stream: LogStream, chunk: Buffer): Promise<void> | undefined;
  /** Bytes of the frame stream that stay as they are whatever comes: what may be shipped while the task runs. */
  readonly steady: number;
  /** Bytes of the steady part from `offset` on, with all that was written before the call. */
  read(offset: number, most: number): Promise<Buffer>;
  /** Tells of growth, until the log is closed. */
  onGrowth: (() => void) | undefined;
  /** Set when the disk could not take it any more. */
  readonly failure: unknown;
  readonly counts: LogCounts;
  /** All bytes while nothing had to go to disk. */
  inMemory(): Buffer | undefined;
  /** Brings everything to disk and closes; the files, in order. */
  close(): Promise<string[]>;
  remove(): Promise<void>;
};

export type LogCounts = { bytes: number; stdoutBytes: number; stderrBytes: number; droppedBytes: number };

const MEMORY_BYTES = 64 * 1024;

/**
 * Nothing is dropped up to `capBytes`. Above them the beginning (half of the cap) and the end (at least a quarter of it) are kept, and a frame
 * between them tells of what is missing. The end lives in two files that take turns: when there is no more room, the older is emptied.
 */
export function createTaskLog(path: string, capBytes: number, now: () => number): TaskLog {
  const headCap = Math.floor(capBytes / 2);
  const turnCap = Math.floor(capBytes / 4);
  const counts = { bytes: 0, stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
  const memory: Buffer[] = [];
  let spilled = false;
  let headBytes = 0;
  let headFull = false;
  let droppedAt = 0;
  let failure: unknown;
  let writing: Promise<void> = Promise.resolve();
  const head = createPart(`${path}.head`);
  const gap = createPart(`${path}.gap`);
  let [young, old] = [createPart(`${path}.tail-0`), createPart(`${path}.tail-1`)];

  async function append(frame: Buffer[], bytes: number, payload: number): Promise<void> {
    if (!headFull && headBytes + bytes <= headCap) {
      await head.append(frame, payload);
      headBytes += bytes;
      return;
    }
    headFull = true;
    const isFull = headBytes + old.bytes + young.bytes + bytes > capBytes;
    if (young.bytes > 0 && young.bytes + bytes > turnCap && (old.bytes === 0 || isFull)) {
      [young, old] = [old, young];
      if (young.bytes > 0) droppedAt = now();
      counts.droppedBytes += young.payload;
      counts.bytes -= young.bytes;
      await young.empty();
    }
    await young.append(frame, payload);
  }

  const log: TaskLog = {
    onGrowth: undefined,
    counts,
    get failure() {
      return failure;
    },
    get steady() {
      return headBytes;
    },
    write(stream, chunk) {
      if (failure !== undefined) return undefined;
      let wait: Promise<void> | undefined;
      for (let at = 0; at < chunk.length; at += MAX_FRAME_BYTES) {
        const piece = chunk.subarray(at, at + MAX_FRAME_BYTES);
        counts[stream === "stdout" ? "stdoutBytes" : "stderrBytes"] += piece.length;
        wait = take(encodeFrameHead(stream, now(), piece.length), piece) ?? wait;
      }
      return wait;
    },
    async read(offset, most) {
      // First, since what is being written counts too: nobody may ask again.
      if (spilled) await writing;
      const bytes = Math.min(most, headBytes - offset);
      return spilled ? head.read(offset, bytes) : Buffer.concat(memory).subarray(offset, offset + bytes);
    },
    inMemory: () => (spilled ? undefined : Buffer.concat(memory)),
    async close() {
      await writing;
      if (!spilled) await writeFile(head.path, Buffer.concat(memory), { mode: 0o600 });
      if (counts.droppedBytes > 0) {
        const told = Buffer.from(`\n[rendt: ${sayBytes(counts.droppedBytes)} left out here]\n`);
        await gap.append([encodeFrameHead("stderr", droppedAt, told.length), told], 0);
        counts.bytes += gap.bytes;
      }
      const parts = [head, gap, old, young];
      await Promise.all(parts.map((part) => part.close()));
      return parts.filter((part) => part === head || part.bytes > 0).map((part) => part.path);
    },
    async remove() {
      await writing.catch(() => undefined);
      await Promise.all([head, gap, old, young].map((part) => part.remove()));
    },
  };
  return log;

  function take(frameHead: Uint8Array, piece: Buffer): Promise<void> | undefined {
    const bytes = FRAME_HEAD_BYTES + piece.length;
    counts.bytes += bytes;
    if (!spilled && headBytes + bytes <= Math.min(MEMORY_BYTES, headCap)) {
      // A copy: the socket's slab is larger than what came.
      memory.push(Buffer.concat([frameHead, piece]));
      headBytes += bytes;
      log.onGrowth?.();
      return undefined;
    }
    const first = spilled ? [] : memory.splice(0);
    spilled = true;
    writing = writing
      .then(async () => {
        if (first.length > 0) await head.append(first, 0);
        await append([Buffer.from(frameHead), piece], bytes, piece.length);
        log.onGrowth?.();
      })
      .catch((error) => {
        failure ??= error;
      });
    return writing;
  }
}

/** One file, opened when the first bytes come. */
function createPart(path: string) {
  let file: FileHandle | undefined;
  return {
    path,
    /** With the heads of frames, and without. */
    bytes: 0,
    payload: 0,
    async append(chunks: readonly Uint8Array[], payload: number) {
      file ??= await open(path, "w+", 0o600);
      const all = Buffer.concat(chunks);
      await file.writeFile(all);
      this.bytes += all.length;
      this.payload += payload;
    },
    async read(offset: number, bytes: number): Promise<Buffer> {
      if (!file || bytes <= 0) return Buffer.alloc(0);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
      return buffer.subarray(0, bytesRead);
    },
    async empty() {
      await this.close();
      this.bytes = 0;
      this.payload = 0;
    },
    async close() {
      await file?.close();
      file = undefined;
    },
    async remove() {
      await this.close();
      await rm(path, { force: true });
    },
  };
}
