import type { LogFrame, LogStream } from "../contract/log-frames.ts";
import type { Terminal } from "./terminal.ts";

type Options = {
  streams: readonly LogStream[];
  timestamps?: boolean | undefined;
  json?: boolean | undefined;
  /** Only the last lines of each stream: of all, or when it is followed of what was there when it began. */
  tail?: number | undefined;
};

export type LogPrinter = { add(frame: LogFrame): Promise<void>; end(): Promise<void> };
/** `follow`: what was printed from then on, in the server's ms, is shown as it comes. */
export type TailPrinter = LogPrinter & { follow(from: number): void };

/** A worker's clock may be so much behind the server's. */
const SKEW_MS = 1000;
/** When nothing more came for so long, the last lines are the last. */
const QUIET_MS = 500;

/** Prints what a task printed, each stream to its own; whole lines where each of them gets something in front. */
export function createLogPrinter(terminal: Terminal, { streams, timestamps, json, tail }: Options): TailPrinter {
  const show = json ? jsonPrinter(terminal) : timestamps ? timedPrinter(terminal) : plainPrinter(terminal);
  const kept = { stdout: createTail(tail ?? 0), stderr: createTail(tail ?? 0) };
  let liveFrom = Number.POSITIVE_INFINITY;
  let quiet: NodeJS.Timeout | undefined;
  let showing: Promise<void> = Promise.resolve();

  /** One after the other, also when the timer comes in between. */
  function print(frames: readonly LogFrame[]): Promise<void> {
    showing = showing.then(async () => {
      for (const frame of frames) await show.add(frame);
    });
    return showing;
  }

  const flush = () => {
    clearTimeout(quiet);
    return print(streams.flatMap((stream) => kept[stream].take()));
  };

  return {
    follow(from) {
      liveFrom = Math.min(liveFrom, from - SKEW_MS);
    },
    async add(frame) {
      if (!streams.includes(frame.stream)) return;
      if (tail === undefined) return print([frame]);
      if (frame.ms >= liveFrom) {
        await flush();
        return print([frame]);
      }
      kept[frame.stream].add(frame);
      clearTimeout(quiet);
      if (liveFrom < Number.POSITIVE_INFINITY) quiet = setTimeout(() => void flush(), QUIET_MS);
    },
    async end() {
      await flush();
      await show.end();
    },
  };
}

const plainPrinter = (terminal: Terminal): LogPrinter => ({
  add: ({ stream, bytes }) => terminal.write(stream, bytes),
  end: async () => {},
});

/** Text that is no UTF-8, or is cut in the middle of a letter, can't stand in JSON: its pieces are joined first. */
function jsonPrinter(terminal: Terminal): LogPrinter {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  let last = 0;
  return {
    async add({ stream, ms, bytes }) {
      last = ms;
      terminal.jsonLine({ at: ms, stream, text: decoders[stream].decode(bytes, { stream: true }) });
    },
    async end() {
      for (const stream of ["stdout", "stderr"] as const) {
        const text = decoders[stream].decode();
        if (text !== "") terminal.jsonLine({ at: last, stream, text });
      }
    },
  };
}

function timedPrinter(terminal: Terminal): LogPrinter {
  const open: Record<LogStream, boolean> = { stdout: false, stderr: false };
  return {
    async add({ stream, ms, bytes }) {
      const at = Buffer.from(`${new Date(ms).toISOString()} `);
      const pieces: Uint8Array[] = [];
      for (const line of linesOf(bytes)) {
        if (!open[stream]) pieces.push(at);
        pieces.push(line);
        open[stream] = line.at(-1) !== 0x0a;
      }
      await terminal.write(stream, Buffer.concat(pieces));
    },
    end: async () => {},
  };
}

/** A line longer than this counts as several. */
const MAX_LINE_BYTES = 64 * 1024;

/** The last `count` lines, with the time of the frame that each came in. An unfinished last line counts. */
function createTail(count: number) {
  let lines: LogFrame[] = [];
  return {
    add(frame: LogFrame) {
      for (const line of linesOf(frame.bytes)) {
        const last = lines.at(-1);
        const isOpen = last && last.bytes.at(-1) !== 0x0a && last.bytes.length + line.length <= MAX_LINE_BYTES;
        if (isOpen) last.bytes = Buffer.concat([last.bytes, line]);
        else lines.push({ ...frame, bytes: Buffer.from(line) });
      }
      // Cut in bulk: shift() on each line would be slow for long logs.
      if (lines.length > 2 * count + 100) lines = count === 0 ? lines.slice(-1) : lines.slice(-count);
    },
    /** Hands them out, and begins anew. */
    take(): LogFrame[] {
      const last = count === 0 ? [] : lines.slice(-count);
      lines = [];
      return last;
    },
  };
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, at);
    const end = Math.min(newline < 0 ? bytes.length : newline + 1, at + MAX_LINE_BYTES);
    yield bytes.subarray(at, end);
    at = end;
  }
}
