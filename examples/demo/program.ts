import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../dist/rendt.js", import.meta.url));
/** A program that does not end when asked to is ended. */
const STUBBORN_MS = 10_000;

/** `rendt` as whoever installed it has it: the built program, each command in a process of its own. */
export type Program = {
  /** Runs a command to its end and answers what it printed. */
  run(args: readonly string[]): Promise<string>;
  /** Runs a command to its end and hands over what it prints, line by line, as it comes. */
  stream(args: readonly string[], onLine: (line: string) => void): Promise<void>;
  /** Starts a program that stays, and answers the line that says it is ready. */
  start(args: readonly string[], ready: RegExp): Promise<string>;
  /** Ends what still runs, the newest first: a worker hands in its results to the server. */
  stopAll(): Promise<void>;
};

/** All commands see `home` instead of the user's own profiles. */
export function createProgram(home: string, signal: AbortSignal): Program {
  const running = new Map<ChildProcess, Promise<unknown>>();
  // What the user's shell says of servers and tokens is not meant here.
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RENDT_")));

  function launch(args: readonly string[]) {
    signal.throwIfAborted();
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...own, RENDT_HOME: home, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C reaches the demo alone, which then ends its programs in order.
      detached: true,
    });
    const ended = once(child, "close").finally(() => running.delete(child));
    ended.catch(() => undefined);
    running.set(child, ended);
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk;
    });
    const failure = (end: string) => new Error(`\`rendt ${args.join(" ")}\` ${end}\n${errors.trim()}`);
    return { child, ended, failure };
  }

  async function stream(args: readonly string[], onLine: (line: string) => void): Promise<void> {
    const { child, ended, failure } = launch(args);
    createInterface({ input: child.stdout }).on("line", onLine);
    const [code, name] = await ended;
    signal.throwIfAborted();
    if (code !== 0) throw failure(`ended with ${name ?? `exit code ${code}`}`);
  }

  return {
    stream,
    async run(args) {
      const lines: string[] = [];
      await stream(args, (line) => lines.push(line));
      return lines.join("\n");
    },
    async start(args, ready) {
      const { child, ended, failure } = launch(args);
      return new Promise((resolve, reject) => {
        for (const input of [child.stdout, child.stderr])
          createInterface({ input }).on("line", (line) => ready.test(line) && resolve(line));
        ended.then(() => reject(signal.reason ?? failure("ended before it was ready")), reject);
      });
    },
    async stopAll() {
      for (const [child, ended] of [...running].reverse()) {
        const stubborn = setTimeout(() => child.kill("SIGKILL"), STUBBORN_MS);
        child.kill("SIGTERM");
        await ended;
        clearTimeout(stubborn);
      }
    },
  };
}
