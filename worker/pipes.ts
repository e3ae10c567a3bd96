import { spawn } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, readSync, rmSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { errnoOf } from "../files/disk-error.ts";

/** Takes what was read; reading goes on once a returned promise is settled. */
export type Sink = (chunk: Buffer) => Promise<void> | undefined;

/** One stream of one run. */
export type OutputPipe = {
  /** The write end, for a child. The stream does not end while it is open here: `closeWriter` once the child has it. */
  writer(): number;
  closeWriter(): void;
  /** Begins to read as bytes come. */
  flow(): void;
  /** After the child's end: reads what is left. False when somebody still holds the pipe open after `ms`; without it, nobody can. */
  drain(ms?: number): Promise<boolean>;
  close(): void;
};

export type PipeStock = { take(stream: Stream, sink: Sink): Promise<OutputPipe>; close(): void };
type Stream = "stdout" | "stderr";

const CHUNK_BYTES = 64 * 1024;

/**
 * Pipes for what children print: named pipes, because Node's own are sockets, on which a child can't open /dev/stdout or
 * /dev/stderr (ENXIO). One that was read to its end has no writer left, so it is used again; any other is replaced.
 */
export async function createPipeStock(folder: string, count: number): Promise<PipeStock> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const free: string[] = [];
  let made = 0;
  let closed = false;
  free.push(...(await make(count)));

  async function make(more: number): Promise<string[]> {
    const paths = Array.from({ length: more }, () => join(folder, String(made++)));
    await makeFifos(paths);
    return paths;
  }

  return {
    async take(_stream, sink) {
      const path = free.pop() ?? (await make(1))[0];
      if (path === undefined) throw new Error("no pipe was made");
      return openPipe(path, sink, (ended) => {
        if (closed) return;
        if (ended) free.push(path);
        else unlinkSync(path);
      });
    },
    close() {
      closed = true;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A pipe that writers open by themselves, all of whom are gone before it is drained. `held` reads it and is kept open. Our own ends are only
 * opened when a run is long enough to be read as it goes: a tenth of what the worker does for a short one.
 */
export function heldPipe(held: number, path: string, sink: Sink): OutputPipe {
  let opened: OutputPipe | undefined;
  const open = () => {
    opened ??= openPipe(path, sink, () => undefined);
    return opened;
  };
  return {
    writer: () => open().writer(),
    closeWriter: () => opened?.closeWriter(),
    flow: () => open().flow(),
    async drain() {
      opened?.closeWriter();
      if (opened) return opened.drain();
      for (let chunk = readNow(held); chunk !== undefined && chunk.length > 0; chunk = readNow(held)) await sink(chunk);
      return true;
    },
    close: () => opened?.close(),
  };
}

/** Opens both ends of a named pipe. `release` hears once it is closed whether it was read to its end. */
function openPipe(path: string, sink: Sink, release: (ended: boolean) => void): OutputPipe {
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  let socket: Socket | undefined;
  let ended = false;
  let closed = false;
  let writerOpen = true;
  const closing: (() => void)[] = [];
  let busy = false;

  const pipe: OutputPipe = {
    writer: () => writer,
    closeWriter() {
      if (writerOpen) closeSync(writer);
      writerOpen = false;
    },
    flow() {
      if (socket || ended || closed) return;
      const stream = new Socket({ fd: readEnd, readable: true, writable: false });
      socket = stream;
      stream.on("data", (chunk: Buffer) => {
        const taken = sink(chunk);
        if (!taken) return;
        busy = true;
        stream.pause();
        void taken.then(() => {
          busy = false;
          stream.resume();
        });
      });
      stream.once("end", () => {
        ended = true;
      });
      stream.once("error", () => stream.destroy());
      stream.once("close", () => {
        closed = true;
        release(ended);
        for (const tell of closing) tell();
      });
    },
    async drain(ms?: number) {
      // Most children are gone before a stream would pay: reading directly saves two sockets, a fifth of a spawn's cost.
      while (!socket && !ended) {
        const chunk = readNow(readEnd);
        if (chunk === undefined) pipe.flow();
        else if (chunk.length > 0) await sink(chunk);
        else {
          ended = true;
          pipe.close();
        }
      }
      if (closed) return ended;
      return new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined;
        const look = () => {
          // Slow taking does not prove that somebody holds the other end.
          if (busy) timer = setTimeout(look, ms);
          else resolve(false);
        };
        if (ms !== undefined) timer = setTimeout(look, ms);
        closing.push(() => {
          clearTimeout(timer);
          resolve(ended);
        });
      });
    },
    close() {
      pipe.closeWriter();
      if (closed) return;
      if (socket) return void socket.destroy();
      closed = true;
      // Nobody may have got it at all.
      ended ||= readNow(readEnd)?.length === 0;
      closeSync(readEnd);
      release(ended);
    },
  };
  return pipe;
}

const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/** What can be read at once: empty at the end, undefined when there is nothing yet. */
function readNow(fd: number): Buffer | undefined {
  try {
    return Buffer.from(buffer.subarray(0, readSync(fd, buffer, 0, CHUNK_BYTES, null)));
  } catch (error) {
    if (errnoOf(error) === "EAGAIN") return undefined;
    throw error;
  }
}

/** Takes out what a pipe holds, as text; its descriptor has to be one that does not block. */
export function emptyNow(fd: number): string {
  let text = "";
  for (let chunk = readNow(fd); chunk !== undefined && chunk.length > 0; chunk = readNow(fd)) text += chunk;
  return text;
}

/** Node can't make named pipes itself. Mode 0622 lets a child of another user open its own again, by /proc/self/fd. */
export function makeFifos(paths: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("mkfifo", ["-m", "622", ...paths], { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    child.once("error", (cause) => reject(new Error("can't run mkfifo, which makes the pipes of children", { cause })));
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`can't make pipes: ${text.trim()}`))));
  });
}
