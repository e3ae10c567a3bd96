import { type ChildProcess, fork } from "node:child_process";

/** What the parent says over IPC: two signals that come close together would be one. */
export type StopMessage = "drain" | "at once";

/** How a worker's process ended. */
export type End = { code: number | null; signal: NodeJS.Signals | null };

export type WorkerChild = {
  /** Lets what runs go on to its end; `at once` ends it. It is not started again. */
  stop(how: StopMessage): void;
  /** The same for the one that runs now; what follows it is said by `next`. */
  replace(how: StopMessage): void;
  /** Resolves with its exit code when it was told to stop, or was not to be started again, and has ended. */
  readonly ended: Promise<number>;
};

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** One that is to be replaced at once and does not end is killed. */
const GRACE_MS = 15_000;

/**
 * Runs `rendt worker start` as a child over IPC, and again when it dies. It has a process group of its own, so that Ctrl-C on the
 * terminal reaches the parent alone, which then drains it; when the parent is killed, the closed channel ends it.
 */
export function startWorkerChild(options: {
  /** The file of the program, asked for before each start. */
  program: () => string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  say: (text: string) => void;
  hear?: (message: unknown) => void;
  /** What follows an end that nobody asked for; a start after a pause when left out. */
  next?: (end: End) => "now" | "later" | "never";
}): WorkerChild {
  const { program, args, env, say, hear, next = () => "later" } = options;
  let child: ChildProcess | undefined;
  let stopping = false;
  let pause = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;
  let end: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));

  const start = () => {
    const began = performance.now();
    const started = fork(program(), args, {
      env: { ...env },
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child = started;
    if (hear) started.on("message", hear);
    started.once("exit", (code, signal) => {
      child = undefined;
      const follows = stopping ? "never" : next({ code, signal });
      if (follows === "never") return end(code ?? 1);
      if (follows === "now") return start();
      if (performance.now() - began > LONGEST_PAUSE_MS) pause = FIRST_PAUSE_MS;
      say(`the worker ended (${signal ?? `exit code ${code}`}); it starts again in ${pause / 1000}s`);
      timer = setTimeout(start, pause);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    });
  };
  start();
  return {
    ended,
    stop(how) {
      stopping = true;
      clearTimeout(timer);
      if (child?.connected) send(child, how);
      else if (!child) end(0);
    },
    replace(how) {
      const old = child;
      if (!old) return;
      if (old.connected) send(old, how);
      if (how === "drain") return;
      // One that has let go of the channel hears signals only.
      if (!old.connected) old.kill();
      const force = setTimeout(() => old.kill("SIGKILL"), GRACE_MS);
      old.once("exit", () => clearTimeout(force));
    },
  };
}

/** One that has just died hears nothing; its end is heard of. */
function send(child: ChildProcess, how: StopMessage): void {
  child.send(how, undefined, undefined, () => undefined);
}
