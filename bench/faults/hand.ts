import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Market } from "../support/market.ts";
import type { Started } from "../support/process.ts";
import type { Gate } from "./gate.ts";

/** A worker of a stage. */
export type Hand = {
  /** Where its state is. */
  readonly state: string;
  readonly home: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again after its end. */
  start(): void;
  stop(): void;
  goOn(): void;
  /** The server knows its present life; undefined when it is dead. */
  isReady(): boolean | undefined;
  /** Resolves when its present life ends. */
  ended(): Promise<unknown>;
  /** Lets it end by itself; answers how it did. */
  drain(): Promise<number | NodeJS.Signals>;
  /** What its journal holds now. */
  journal(): string;
};

type Options = { market: Market; gate: Gate; home: string; env?: Record<string, string> | undefined };

const REGISTER = /^POST \/v1\/workers$/;

export function startHand({ market, gate, home, env }: Options): Hand {
  const state = join(home, "worker");
  let registered = 0;
  let isDead = false;
  let current = launch();

  function launch(): Started {
    registered = gate.count(REGISTER);
    isDead = false;
    return market.launchWorker({ slots: 1, url: gate.url, home, env });
  }

  return {
    state,
    home,
    async kill() {
      isDead = true;
      await current.end("SIGKILL");
    },
    start() {
      current = launch();
    },
    stop: () => void process.kill(current.pid, "SIGSTOP"),
    goOn: () => void process.kill(current.pid, "SIGCONT"),
    isReady: () => (isDead ? undefined : gate.count(REGISTER) > registered),
    ended: () => current.ended,
    async drain() {
      const how = await current.end("SIGTERM");
      isDead = true;
      return how;
    },
    journal() {
      const path = join(state, "journal");
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    },
  };
}
