import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "../../contract/client.ts";
import type { JobSpecInput } from "../../contract/job.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { type Connection, connect } from "../../sdk/connect.ts";
import { builtProgram, freePort, type Started, start } from "./process.ts";

/** A server and its workers as a user starts them: the built program, each a process of its own, in a folder that is removed at the end. */
export type Market = {
  folder: string;
  url: string;
  tokens: { admin: string; submitter: string; worker: string };
  /** What the programs printed. */
  log: string;
  server(): Started;
  /** Starts the server again after its end, on the same folder and port; does not wait until it answers. */
  launchServer(): Started;
  /** Starts the worker, after its end on the same folder; does not wait until it works. */
  launchWorker(options: WorkerOptions): Started;
  /** Resolves when the worker has run a first job. */
  startWorker(options: WorkerOptions): Promise<Started>;
  /** One try per call, with connections of its own. */
  client(role: "submitter" | "worker"): Client;
  /** The program library, as the submitter. */
  connect(): Connection;
  close(): Promise<void>;
};

/** `heavy`: it holds 500 MB of memory. */
type WorkerOptions = {
  slots: number;
  heavy?: boolean;
  /** Where it finds the server, when somebody stands between. */
  url?: string;
  /** Its RENDT_HOME, when it is not the only one. */
  home?: string;
  env?: Record<string, string> | undefined;
};

type MarketOptions = {
  /** Another rendt.js than the built one. */
  program?: string | undefined;
  serverEnv?: Record<string, string>;
  /** Made by somebody else; it is removed at the end all the same. */
  folder?: string;
};

const START_MS = 30_000;
const BALLAST = new URL("ballast.mjs", import.meta.url);

export async function openMarket(options: MarketOptions = {}): Promise<Market> {
  const { program = builtProgram(), serverEnv, folder = mkdtempSync(join(tmpdir(), "rendt-bench-")) } = options;
  const url = `http://127.0.0.1:${await freePort()}`;
  // As root, the users of the slots walk through it: closed to them their tasks would lie elsewhere, and be left there.
  chmodSync(folder, 0o711);
  const home = join(folder, "home");
  const profile = join(home, "profiles", "default.json");
  const log = join(folder, "log");
  const closers: (() => void)[] = [];
  let server: Started;
  const programs = new Set<Started>();

  function launch(words: string[], env: Record<string, string>): Started {
    const started = start([process.execPath, program, ...words], { env, log });
    programs.add(started);
    void started.ended.then(() => programs.delete(started));
    return started;
  }

  function launchServer(): Started {
    const words = ["up", "--no-worker", "--dir", join(folder, "server"), "--listen", new URL(url).host];
    server = launch(words, { RENDT_HOME: home, ...serverEnv });
    return server;
  }

  async function close(): Promise<void> {
    for (const closer of closers) closer();
    await Promise.all([...programs].map((started) => started.end("SIGKILL")));
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  try {
    await isUp(launchServer(), { url, profile, log });
    const { tokens } = JSON.parse(readFileSync(profile, "utf8"));
    const market: Market = {
      folder,
      url,
      tokens,
      log,
      server: () => server,
      launchServer,
      launchWorker({ slots, heavy = false, env, ...where }) {
        const ballast: Record<string, string> = heavy ? { NODE_OPTIONS: `--import ${BALLAST}` } : {};
        const { home = join(folder, "worker"), url: at = url } = where;
        const own = { RENDT_HOME: home, RENDT_URL: at, RENDT_TOKEN: tokens.worker };
        return launch(["worker", "start", "--slots", String(slots)], { ...own, ...ballast, ...env });
      },
      async startWorker(options) {
        const worker = market.launchWorker(options);
        await runJobs(market.client("submitter"), [{ command: ["true"] }]);
        return worker;
      },
      client(role) {
        const http = createNodeHttp();
        closers.push(() => http.close());
        return createClient({ url, token: tokens[role], transport: http.transport });
      },
      connect() {
        const connection = connect({ url, token: tokens.submitter });
        closers.push(() => connection.close());
        return connection;
      },
      close,
    };
    return market;
  } catch (error) {
    await close();
    throw error;
  }
}

type Signs = { url: string; profile: string; log: string };

/** It answers, and has saved the tokens of its first start. */
async function isUp(server: Started, { url, profile, log }: Signs): Promise<void> {
  let ended = false;
  void server.ended.then(() => {
    ended = true;
  });
  for (const until = Date.now() + START_MS; Date.now() < until && !ended; await sleep(5)) {
    const answer = await fetch(`${url}/v1/health`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok && existsSync(profile)) return;
  }
  throw new Error(`the server did not start:\n${readFileSync(log, "utf8").slice(-2000)}`);
}

/** Creates jobs one request each, `inFlight` requests at a time, and waits until all have finished well. Answers their ids. */
export async function runJobs(client: Client, specs: readonly JobSpecInput[], inFlight = 32): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const submitter = async () => {
    for (let spec = specs[next++]; spec; spec = specs[next++]) {
      const { items } = await client.create({ jobs: [{ spec }] });
      const [item] = items;
      if (!item || !("status" in item)) throw new Error(`not created: ${JSON.stringify(item)}`);
      ids.push(String(item.id));
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, specs.length) }, submitter));
  await allFinished(client, ids);
  return ids;
}

const MOST_IDS = 100;

/** Resolves when all these jobs have finished. The last is waited for first: one question instead of a question per job. */
export async function allFinished(client: Client, ids: readonly string[]): Promise<void> {
  let left = [...ids];
  for (let batch = left.slice(-1); batch.length > 0; batch = left.slice(-MOST_IDS)) {
    const { items } = await client.get({ ids: batch, until: "ended", wait: 25_000 });
    const finished = new Set(
      items.filter((item) => "status" in item && item.status === "finished").map(({ id }) => id),
    );
    const wrong = items.find(
      (item) => !("status" in item) || ["failed", "cancelled", "expired"].includes(String(item.status)),
    );
    if (wrong) throw new Error(`a job went wrong: ${JSON.stringify(wrong)}`);
    left = left.filter((id) => !finished.has(id));
  }
}
