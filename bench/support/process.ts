import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** A process that a bench started; it is gone when the bench is. */
export type Started = {
  pid: number;
  /** Resolves with the exit code, or the name of the signal, once it is gone. */
  ended: Promise<number | NodeJS.Signals>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
};

export type StartOptions = {
  env?: Record<string, string> | undefined;
  cwd?: string | undefined;
  /** A file that gets both streams, at its end; nobody hears them without one. */
  log?: string | undefined;
};

const running = new Set<ChildProcess>();

/** The program as users have it: `npm run build` makes it. RENDT_BENCH_PROGRAM names another build, to compare two. */
export function builtProgram(): string {
  const path = process.env["RENDT_BENCH_PROGRAM"] ?? fileURLToPath(new URL("../../dist/rendt.js", import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\` first`);
  return path;
}

/** Nothing of this machine's own rendt (profile, token, address) reaches a measured one. */
export const plainEnvironment = (): Record<string, string> => {
  const env: Record<string, string> = { NO_COLOR: "1", NO_PROXY: "127.0.0.1,localhost" };
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !/^(RENDT_|NODE_)/.test(name)) env[name] ??= value;
  return env;
};

export function start([file, ...args]: readonly [string, ...string[]], options: StartOptions = {}): Started {
  const log = options.log === undefined ? "ignore" : openSync(options.log, "a");
  const env = { ...plainEnvironment(), ...options.env };
  const child = spawn(file, args, { env, cwd: options.cwd, stdio: ["ignore", log, log] });
  if (log !== "ignore") closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`can't start ${file}`);
  if (running.size === 0) watchOwnEnd();
  running.add(child);
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("exit", (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 0);
    });
  });
  return {
    pid,
    ended,
    end(signal) {
      if (running.has(child)) child.kill(signal);
      return ended;
    },
  };
}

/** Runs a command to its end; another exit code than 0 is an error. Standard output goes nowhere unless `log` says so. */
export async function runToEnd(command: readonly [string, ...string[]], options: StartOptions = {}): Promise<void> {
  const how = await start(command, options).ended;
  if (how !== 0) throw new Error(`${command.slice(0, 4).join(" ")} … ended with ${how}`);
}

let watching = false;

/** Ctrl-C and errors too end what was started. */
function watchOwnEnd(): void {
  if (watching) return;
  watching = true;
  process.once("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === "object") resolve(address.port);
        else reject(new Error("no free port"));
      });
    });
  });
}
