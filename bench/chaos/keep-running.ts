import { setTimeout as sleep } from "node:timers/promises";
import type { Started } from "../support/process.ts";

/** A program that somebody starts again whenever it ends, as systemd does. */
export type Kept = {
  kill(): Promise<void>;
  /** Lets it end by itself, and starts it no more. */
  stop(): Promise<void>;
  killed(): number;
  /** Ends that nobody had asked for. */
  surprises: string[];
};

/** A program that can't start is not started as fast as the machine can. */
const REST_MS = 200;

export function keepRunning(name: string, launch: () => Started, first: Started = launch()): Kept {
  const surprises: string[] = [];
  let killed = 0;
  let stopping = false;
  let current = first;
  let next = again(current);

  async function again(program: Started): Promise<void> {
    const before = killed;
    const how = await program.ended;
    if (stopping) return;
    if (killed === before) {
      surprises.push(`the ${name} ended by itself with ${how}`);
      await sleep(REST_MS);
    }
    current = launch();
    next = again(current);
  }

  return {
    async kill() {
      killed += 1;
      const started = next;
      await current.end("SIGKILL");
      await started;
    },
    async stop() {
      stopping = true;
      const how = await current.end("SIGTERM");
      if (how !== 0) surprises.push(`the ${name} ended with ${how} when it was told to stop`);
    },
    killed: () => killed,
    surprises,
  };
}
