import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../contract/client.ts";
import { type Connection, connect } from "../../sdk/connect.ts";
import type { Spec } from "../../sdk/order.ts";
import { makeTask, realRuns, type Task } from "../chaos/task.ts";
import { type Market, openMarket } from "../support/market.ts";
import { type Gate, openGate } from "./gate.ts";
import { type Hand, startHand } from "./hand.ts";

/** What has to be true of a job at the end of its case. */
export type Expected = {
  id: string;
  task: Task;
  status: "finished" | "failed" | "cancelled" | "expired";
  /** How often its command may have begun: more would mean that a result was thrown away. Tasks of an array count together. */
  runs: { least: number; most: number };
  /** How many tasks it has. */
  tasks: number;
  /** What the server says of its end. */
  reason?: RegExp | undefined;
};

export type Sent = {
  id: string;
  task: Task;
  runs(): number;
  /** Lets its task end. */
  open(): void;
};

export type SubmitOptions = {
  /** Its task ends only when it is let. */
  gated?: boolean;
  /** It has no inputs and returns no files. */
  plain?: boolean;
  largeBytes?: number;
  spec?: Partial<Spec>;
};

type Expectation = Partial<Pick<Expected, "status" | "tasks" | "reason">> & { runs?: number | Expected["runs"] };

/** A server, a gate before it, and workers behind that gate; what happens on it is the affair of a case. */
export type Stage = {
  market: Market;
  gate: Gate;
  /** One try per call. */
  client: Client;
  folder: string;
  expected: Expected[];
  hands: Hand[];
  /** Starts a worker and waits until it asks for work. */
  worker(options?: { name?: string; env?: Record<string, string>; idle?: boolean }): Promise<Hand>;
  submit(options?: SubmitOptions, by?: Connection): Promise<Sent>;
  makeTask(options?: SubmitOptions): Omit<Sent, "id"> & { spec: Spec };
  /** Says what has to become of a job: finished after one run, unless told otherwise. */
  expect(sent: Sent, what?: Expectation): void;
  connect(url?: string): Connection;
  status(sent: Sent): Promise<string>;
  ended(sent: Sent): Promise<void>;
  killServer(): Promise<void>;
  startServer(): Promise<void>;
  /** The server's clock is wrong by so many ms from now on. */
  setClock(ms: number): void;
  /** Time passes on the server, by less at a time than it would take for an outage of its own, until something is so. */
  pass(holds: () => Promise<boolean>): Promise<void>;
  /** What all programs said. */
  log(): string;
  close(): Promise<void>;
};

export type StageOptions = {
  program?: string | undefined;
  /** Prepares the folder before a server is in it. */
  prepare?: ((folder: string) => void) | undefined;
  cleanUp?: ((folder: string) => void) | undefined;
  /** Settled when the case takes too long. */
  signal: AbortSignal;
};

const STEP_MS = 15_000;
/** Longer than the time between two sweeps. */
const SWEPT_MS = 1100;
const LOOK_MS = 5;
/** Too large to travel inline. */
const INPUT_BYTES = 100_000;

export const CLOCK = new URL("clock.mjs", import.meta.url);

export async function openStage({ program, prepare, cleanUp, signal }: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-faults-"));
  prepare?.(folder);
  const jobs = join(folder, "jobs");
  mkdirSync(jobs);
  chmodSync(jobs, 0o755);
  const clockFile = join(folder, "server-clock");
  writeFileSync(clockFile, "0");
  let clockMs = 0;
  const market = await openMarket({ program, folder, serverEnv: clockEnv(clockFile) }).catch((error: unknown) => {
    cleanUp?.(folder);
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const gate = await openGate(market.url);
  const connections: Connection[] = [];
  const client = market.client("submitter");
  let made = 0;

  const stage: Stage = {
    market,
    gate,
    client,
    folder,
    expected: [],
    hands: [],
    async worker({ name = "worker", env, idle = true } = {}) {
      const before = gate.count(CLAIM);
      const hand = startHand({ market, gate, home: join(folder, name), env });
      stage.hands.push(hand);
      if (idle) await until(() => gate.count(CLAIM) > before, signal);
      return hand;
    },
    makeTask({ gated = false, plain = false, largeBytes, spec } = {}) {
      const number = made;
      made += 1;
      const gateFile = join(jobs, `${number}.gate`);
      const options = {
        folder: jobs,
        restMs: 0,
        inputBytes: INPUT_BYTES,
        ...(gated && { gate: gateFile }),
        ...(largeBytes && { largeBytes }),
      };
      const task = plain ? plainOf(makeTask(number, options)) : makeTask(number, options);
      return {
        task,
        spec: { ...task.spec, ...spec },
        runs: () => realRuns(task),
        open: () => writeFileSync(gateFile, ""),
      };
    },
    async submit(options, by = stage.connect()) {
      const { spec, ...made } = stage.makeTask(options);
      const { id } = await by.submit(spec, { signal });
      return { ...made, id };
    },
    expect({ id, task }, { status = "finished", runs = 1, tasks = 1, reason } = {}) {
      const bounds = typeof runs === "number" ? { least: runs, most: runs } : runs;
      stage.expected.push({ id, task, status, tasks, runs: bounds, reason });
    },
    connect(url = market.url) {
      const connection = connect({ url, token: market.tokens.submitter });
      connections.push(connection);
      return connection;
    },
    async status({ id }) {
      return (await client.show({ id })).job.status;
    },
    async ended({ id }) {
      await stage.connect().job(id).wait({ signal });
    },
    async killServer() {
      await market.server().end("SIGKILL");
    },
    async startServer() {
      market.launchServer();
      const answers = () =>
        fetch(`${market.url}/v1/health`).then(
          (answer) => answer.ok,
          () => false,
        );
      await until(answers, signal);
    },
    setClock(ms) {
      clockMs = ms;
      writeFileSync(clockFile, String(ms));
    },
    async pass(holds) {
      while (!(await holds())) {
        stage.setClock(clockMs + STEP_MS);
        await sleep(SWEPT_MS, undefined, { signal });
      }
    },
    log: () => textOf(market.log),
    async close() {
      for (const connection of connections) connection.close();
      gate.close();
      cleanUp?.(folder);
      await market.close();
    },
  };
  return stage;
}

/** What a program needs to have its clock set by a file. */
export const clockEnv = (file: string): Record<string, string> => ({
  NODE_OPTIONS: `--import ${CLOCK}?file=${encodeURIComponent(file)}`,
});

export const CLAIM = /\/leases\/claim$/;
export const FINISH = /\/leases\/finish$/;
export const UPLOAD = /^PUT \/blobs\//;
export const DOWNLOAD = /^GET \/blobs\//;
export const CREATE = /^POST \/v1\/jobs$/;
export const RELEASE = /^POST \/v1\/jobs\/\w+\/release$/;
export const COMPLETE = /\/grants\/complete$/;

/** The same command without files: its folder holds what it works with. */
function plainOf({ spec, tally }: Task): Task {
  const { TALLY = "", GATE = "" } = spec.env ?? {};
  const script = 'echo began >> "$TALLY"; [ -z "$GATE" ] || until test -e "$GATE"; do sleep 0.02; done; echo "$TALLY"';
  return {
    spec: { command: ["/bin/sh", "-c", script], env: { TALLY, GATE }, crashLimit: 1000 },
    expected: {},
    tally,
  };
}

/** Looks until something is so. */
export async function until(holds: () => boolean | Promise<boolean>, signal?: AbortSignal): Promise<void> {
  while (!(await holds())) await sleep(LOOK_MS, undefined, { signal });
}

export const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
