import { RendtError } from "./errors.ts";

/**
 * The framed log of a task: what it printed, in order, both streams in one file. A frame is 1 byte stream (1 stdout, 2 stderr),
 * 6 bytes time (ms since 1970, big-endian), 4 bytes length (big-endian), then that many bytes. gzip is applied outside.
 */
export type LogFrame = { stream: LogStream; ms: number; bytes: Uint8Array };
export type LogStream = "stdout" | "stderr";

export const FRAME_HEAD_BYTES = 11;
/** A frame never holds more, so that a reader knows what a broken length looks like. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** Of a task whose job was cancelled so much is kept, from the beginning: no result names its log, so it lies in the table, where bytes cost more. */
export const MAX_CANCELLED_LOG_BYTES = 4 * 1024 * 1024;

/** The head that goes before a piece of output; writing it apart spares copying the piece. */
export function encodeFrameHead(stream: LogStream, ms: number, length: number): Uint8Array {
  if (length > MAX_FRAME_BYTES)
    throw new RendtError("bad_request", `a log frame of ${length} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, stream === "stdout" ? 1 : 2);
  view.setUint16(1, Math.floor(ms / 2 ** 32));
  view.setUint32(3, ms % 2 ** 32);
  view.setUint32(7, length);
  return head;
}

export function encodeFrame({ stream, ms, bytes }: LogFrame): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + bytes.length);
  frame.set(encodeFrameHead(stream, ms, bytes.length));
  frame.set(bytes, FRAME_HEAD_BYTES);
  return frame;
}

/** An empty frame: nothing comes behind it. Only the log of a cancelled task ends so, since no result tells how long it is. */
export const encodeLogEnd = (ms: number): Uint8Array => encodeFrame({ stream: "stderr", ms, bytes: new Uint8Array(0) });
export const isLogEnd = ({ bytes }: LogFrame): boolean => bytes.length === 0;

/**
 * Decodes a stream of frames that may be cut anywhere: `push` answers the frames that are whole now, `pending` tells how many bytes
 * wait for the rest of theirs (a log that ends with some was cut off). What is no frame throws `wrong_content`.
 *
 * @example
 * const decoder = createFrameDecoder();
 * for await (const chunk of source) for (const frame of decoder.push(chunk)) print(frame);
 */
export function createFrameDecoder(): { push(chunk: Uint8Array): LogFrame[]; readonly pending: number } {
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(chunk) {
      const all = rest.length === 0 ? chunk : joined(rest, chunk);
      const frames: LogFrame[] = [];
      let at = 0;
      while (all.length - at >= FRAME_HEAD_BYTES) {
        const head = readHead(all, at);
        const end = at + FRAME_HEAD_BYTES + head.length;
        if (end > all.length) break;
        frames.push({ stream: head.stream, ms: head.ms, bytes: all.subarray(at + FRAME_HEAD_BYTES, end) });
        at = end;
      }
      // A copy, because the caller may use its buffer again.
      rest = all.slice(at);
      return frames;
    },
    get pending() {
      return rest.length;
    },
  };
}

function readHead(bytes: Uint8Array, at: number): { stream: LogStream; ms: number; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, FRAME_HEAD_BYTES);
  const stream = view.getUint8(0);
  const length = view.getUint32(7);
  if ((stream !== 1 && stream !== 2) || length > MAX_FRAME_BYTES)
    throw new RendtError("wrong_content", "the log is damaged: no frame begins where one has to");
  return { stream: stream === 1 ? "stdout" : "stderr", ms: view.getUint16(1) * 2 ** 32 + view.getUint32(3), length };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
