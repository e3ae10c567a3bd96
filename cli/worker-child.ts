import { type ChildProcess, fork } from "node:child_process";

/** What the parent says over IPC: two signals that come close together would be one. */
export type StopMessage = "drain" | "at once";

export type WorkerChild = {
  /** Lets what runs go on to its end; `at once` ends it. */
  stop(how: StopMessage): void;
  /** Resolves when it was told to stop and has ended. */
  readonly ended: Promise<void>;
};

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Runs `rendt worker start` as a child over IPC, and again when it dies. It has a process group of its own, so that Ctrl-C on the
 * terminal reaches the server alone, which then drains it; when the server is killed, the closed channel ends it.
 */
export function startWorkerChild(options: {
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  say: (text: string) => void;
}): WorkerChild {
  const { program, args, env, say } = options;
  let child: ChildProcess | undefined;
  let stopping = false;
  let pause = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;
  let end: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));

  const start = () => {
    const began = performance.now();
    child = fork(program, ["worker", "start", ...args], {
      env: { ...env },
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.once("exit", (code, signal) => {
      child = undefined;
      if (stopping) return end();
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
      if (child?.connected) child.send(how satisfies StopMessage);
      else if (!child) end();
    },
  };
}
