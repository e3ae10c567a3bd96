import type { LogFrame, LogStream } from "../contract/log-frames.ts";
import type { Terminal } from "./terminal.ts";

type Options = {
  streams: readonly LogStream[];
  timestamps?: boolean | undefined;
  json?: boolean | undefined;
  /** Only the last lines of each stream; they are printed at the end. */
  tail?: number | undefined;
};

export type LogPrinter = { add(frame: LogFrame): Promise<void>; end(): Promise<void> };

/** Prints what a task printed, each stream to its own; whole lines where each of them gets something in front. */
export function createLogPrinter(terminal: Terminal, options: Options): LogPrinter {
  const { streams, timestamps, json, tail } = options;
  const show = json ? jsonPrinter(terminal) : timestamps ? timedPrinter(terminal) : plainPrinter(terminal);
  const kept = { stdout: createTail(tail ?? 0), stderr: createTail(tail ?? 0) };
  return {
    async add(frame) {
      if (!streams.includes(frame.stream)) return;
      if (tail === undefined) await show.add(frame);
      else kept[frame.stream].add(frame);
    },
    async end() {
      if (tail !== undefined)
        for (const stream of streams) for (const frame of kept[stream].frames()) await show.add(frame);
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
  return {
    async add({ stream, ms, bytes }) {
      terminal.jsonLine({ at: ms, stream, text: decoders[stream].decode(bytes, { stream: true }) });
    },
    end: async () => {},
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

/** The last `count` lines, with the time of the frame that each came in. An unfinished last line counts. */
function createTail(count: number) {
  let lines: LogFrame[] = [];
  return {
    add(frame: LogFrame) {
      for (const line of linesOf(frame.bytes)) {
        const last = lines.at(-1);
        if (last && last.bytes.at(-1) !== 0x0a) last.bytes = Buffer.concat([last.bytes, line]);
        else lines.push({ ...frame, bytes: Buffer.from(line) });
      }
      // Cut in bulk: shift() on each line would be slow for long logs.
      if (lines.length > 2 * count + 100) lines = count === 0 ? lines.slice(-1) : lines.slice(-count);
    },
    frames: () => (count === 0 ? [] : lines.slice(-count)),
  };
}

function* linesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    yield bytes.subarray(at, end);
    at = end;
  }
}
