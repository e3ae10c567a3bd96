import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** What kept the event loop from turning: `ms` net of the time that other processes had the processor. */
export type Stalls = { ms: number[]; maxDelayMs: number };

const TICK_MS = 5;
/** Shorter ones are not worth a line. */
const LEAST_MS = 10;

/**
 * Watches this process's event loop. Node's own histogram counts a busy machine as a stall: here the time that the main thread stood in
 * the run queue (schedstat, Linux) is taken off, so that what is left is a call that computed or waited for a disk.
 */
export function watchStalls(): { read(): Stalls } {
  const histogram = monitorEventLoopDelay({ resolution: TICK_MS });
  histogram.enable();
  const ms: number[] = [];
  let last = performance.now();
  let queued = queuedMs();
  setInterval(() => {
    const now = performance.now();
    const waited = queuedMs();
    const net = now - last - TICK_MS - (waited - queued);
    if (net >= LEAST_MS) ms.push(Math.round(net));
    last = now;
    queued = waited;
  }, TICK_MS).unref();
  return {
    read() {
      const stalls = { ms: ms.splice(0).sort((a, b) => b - a), maxDelayMs: Math.round(histogram.max / 1e6) };
      histogram.reset();
      return stalls;
    },
  };
}

/** How long the main thread was ready to run and did not get to. */
function queuedMs(): number {
  return Number(readFileSync("/proc/self/schedstat", "latin1").split(" ")[1]) / 1e6;
}
