import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

const AGAIN_MS = 500;
const END_MS = 8000;

export type Ran = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };
export type Running = {
  child: ChildProcess;
  pid: number;
  ended: Promise<Ran>;
  seen(text: string | RegExp): Promise<string>;
};
export type RunOptions = {
  cwd?: string;
  env?: Record<string, string>;
  input?: string;
  /** Another program than the built one: what Node is started with. */
  argv?: readonly string[];
};

/** The program as it is packed, in a folder from which it finds its dependencies, and a temporary folder for those who use it. */
export type Program = {
  dir: string;
  /** The file that package.json calls the bin. */
  bin: string;
  folder(name: string): string;
  start(args: readonly string[], options?: RunOptions): Running;
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Ends every process that still runs, and removes the folders. */
  close(): Promise<void>;
};

export async function buildProgram(): Promise<Program> {
  const dir = mkdtempSync(join(tmpdir(), "rendt-cli-"));
  const out = join(root, "node_modules", `.rendt-cli-test-${process.pid}`);
  await build({
    absWorkingDir: root,
    entryPoints: { rendt: "cli/rendt.ts" },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    external: ["libsql"],
    define: { RENDT_VERSION: '"0.0.0-test"' },
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
    logLevel: "error",
  });
  const running = new Set<Running>();
  const start: Program["start"] = (args, options = {}) => {
    const started = startNode(options.argv ?? [join(out, "rendt.js"), ...args], {
      cwd: dir,
      ...options,
      home: join(dir, "home"),
    });
    running.add(started);
    void started.ended.then(() => running.delete(started));
    return started;
  };
  return {
    dir,
    bin: join(out, "rendt.js"),
    start,
    folder(name) {
      mkdirSync(join(dir, name), { recursive: true });
      return join(dir, name);
    },
    run: (args, options) => start(args, options).ended,
    async close() {
      await Promise.all([...running].map(end));
      for (const folder of [out, dir]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As a person would: Ctrl-C, once more, and then by force; a worker that its server leaves behind would still write. */
async function end({ child, ended }: Running): Promise<void> {
  const force = setTimeout(() => child.kill("SIGKILL"), END_MS);
  child.kill("SIGINT");
  await Promise.race([ended, sleep(AGAIN_MS)]);
  child.kill("SIGINT");
  await ended;
  clearTimeout(force);
}

function startNode(argv: readonly string[], { cwd, env, input, home }: RunOptions & { home: string }): Running {
  const own = { PATH: process.env["PATH"] ?? "", NO_PROXY: "127.0.0.1", RENDT_HOME: home };
  const child = spawn(process.execPath, argv, { cwd, env: { ...own, ...env } });
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] += text;
      for (const look of waiting) look();
    });
  }
  child.stdin.on("error", () => undefined).end(input ?? "");
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, ...said }));
  });
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    seen(text) {
      const find = () => {
        const all = said.stdout + said.stderr;
        return typeof text === "string" ? (all.includes(text) ? text : undefined) : (text.exec(all)?.[1] ?? undefined);
      };
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = find();
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`ended without saying ${text}: ${said.stdout}${said.stderr}`)));
      });
    },
  };
}

/** A server, with a worker of two slots unless `args` say otherwise; its profile is the program's. */
export async function startServer(
  program: Program,
  args: readonly string[] = ["--slots", "2"],
): Promise<{ url: string; up: Running }> {
  const up = program.start(["up", "--listen", "127.0.0.1:0", ...args]);
  const url = await up.seen(/rendt is up at (\S+)/);
  return { url, up };
}
