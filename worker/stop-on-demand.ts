/** Why we ended a run. */
export type Stop = "timed out" | "stopped" | "limit";

export type Stopping = {
  why(): Stop | undefined;
  /** In plain words, of a limit. */
  reason(): string | undefined;
  /** A limit was hit: no grace, because the machine is what suffers. */
  hit(reason: string): void;
  /** The task stands still, and so does its time limit. */
  pause(): void;
  resume(): void;
  /** For how long it stood still, in ms. */
  pausedMs(): number;
  clear(): void;
};

type Terms = { signal: AbortSignal; timeoutMs: number | undefined; graceMs: number };

/** TERM at the time limit or on abort, and KILL after the grace; KILL at once at any other limit, and for a task that stands still. */
export function stopOnDemand(terms: Terms, kill: (signal: "SIGTERM" | "SIGKILL") => void): Stopping {
  let why: Stop | undefined;
  let told: string | undefined;
  let killer: NodeJS.Timeout | undefined;
  let pausedAt: number | undefined;
  let pausedMs = 0;
  const stop = (reason: Stop) => {
    if (why) return;
    why = reason;
    // It could only tidy up by using the machine that its owner wants.
    if (pausedAt !== undefined) return kill("SIGKILL");
    kill("SIGTERM");
    killer = setTimeout(() => kill("SIGKILL"), terms.graceMs);
  };
  const abort = () => stop("stopped");
  const began = performance.now();
  const ranMs = () => performance.now() - began - pausedMs;
  const startTimer = () =>
    terms.timeoutMs === undefined
      ? undefined
      : longTimeout(() => stop("timed out"), Math.max(0, terms.timeoutMs - ranMs()));
  let timer = startTimer();
  terms.signal.addEventListener("abort", abort);
  return {
    why: () => why,
    reason: () => told,
    hit(reason) {
      if (why) return;
      why = "limit";
      told = reason;
      kill("SIGKILL");
    },
    pause() {
      pausedAt ??= performance.now();
      timer?.clear();
    },
    resume() {
      if (pausedAt === undefined) return;
      pausedMs += performance.now() - pausedAt;
      pausedAt = undefined;
      if (!why) timer = startTimer();
    },
    pausedMs: () => pausedMs + (pausedAt === undefined ? 0 : performance.now() - pausedAt),
    clear() {
      timer?.clear();
      clearTimeout(killer);
      terms.signal.removeEventListener("abort", abort);
    },
  };
}

/** setTimeout takes 2^31 - 1 ms (24.8 days) at most; jobs may run for 30. */
function longTimeout(call: () => void, ms: number): { clear(): void } {
  const most = 2 ** 31 - 1;
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    timer = setTimeout(() => (left > most ? wait(left - most) : call()), Math.min(left, most));
  };
  wait(ms);
  return { clear: () => clearTimeout(timer) };
}
