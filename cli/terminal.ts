import { writeSync } from "node:fs";
import { styleText } from "node:util";
import { createHarmlessOutput } from "./harmless-output.ts";

export type Colour = "green" | "red" | "yellow" | "cyan" | "dim" | "bold";

/** Where a command speaks: data to standard output, talk to standard error. */
export type Terminal = {
  /** Data: one line. */
  line(text: string): void;
  /** Data: an answer of the contract as it is; indented where a person reads. */
  json(value: unknown): void;
  /** The same as text. */
  jsonText(value: unknown): string;
  /** Data: one of many values, a line each. */
  jsonLine(value: unknown): void;
  /** Talk: one line. */
  say(text: string): void;
  /** Pieces of what a job printed: as they are, or made harmless where a person sees them. Resolves when more may be written. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
  paint(colour: Colour, text: string): string;
  /** Standard output is seen by a person. */
  readonly seen: boolean;
  /** And on a terminal on which a cursor can be moved. */
  readonly movable: boolean;
  /** Standard error is seen by a person: progress makes sense. */
  readonly talkSeen: boolean;
};

/** Colour only where a person sees standard output, and not under NO_COLOR (no-color.org: present and not empty). */
export function createTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const seen = process.stdout.isTTY === true;
  const coloured = seen && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  const talkSeen = process.stderr.isTTY === true;
  const guards = {
    stdout: seen ? createHarmlessOutput() : undefined,
    stderr: talkSeen ? createHarmlessOutput() : undefined,
  };
  quitOnBrokenPipe();
  const jsonText = (value: unknown) => JSON.stringify(value, null, seen ? 2 : undefined);
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    json: (value) => void process.stdout.write(`${jsonText(value)}\n`),
    jsonText,
    jsonLine: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    say: (text) => void process.stderr.write(`${text}\n`),
    write: (stream, bytes) =>
      new Promise((resolve) => {
        if (process[stream].write(guards[stream]?.(bytes) ?? bytes)) resolve();
        else process[stream].once("drain", resolve);
      }),
    paint: (colour, text) => (coloured ? styleText(colour, text, { validateStream: false }) : text),
    seen,
    movable: seen && environment["TERM"] !== "dumb",
    talkSeen,
  };
}

/** `rendt list | head`: end as a program does that SIGPIPE kills, without a word. */
function quitOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(141);
      // The terminal was closed: nobody hears talk any more, but what has to be ended in order still is.
      if (error.code === "EIO" && stream === process.stderr) return;
      writeSync(2, `rendt: can't write: ${error.message}\n`);
      process.exit(3);
    });
  }
}

/** Waits until both streams have handed everything on; after this, process.exit cuts nothing off. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write("", resolve));
}
