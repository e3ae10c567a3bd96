// Logs: how late a live line is, what a flood of output costs the worker, whether a follower gets every byte, and whether a secret gets out.
// node --import ./scripts/ts.mjs bench/logs.ts [live] [polled] [deployed] [line] [flood] [followers] [secrets]
import { createHash } from "node:crypto";
import { join } from "node:path";
import { encodeFrame } from "../contract/log-frames.ts";
import { openServer } from "../sdk/open-server.ts";
import type { Spec } from "../sdk/order.ts";
import { readLog } from "../sdk/read-log.ts";
import { createLogFollower } from "./logs/follow.ts";
import { fuzzMasker } from "./logs/fuzz.ts";
import { timeLayOut } from "./logs/lay-out.ts";
import { timeLines } from "./logs/live-lines.ts";
import { openLine } from "./logs/proxy.ts";
import { deployStack } from "./logs/stack.ts";
import { createReport } from "./support/emit.ts";
import { besideEmulator } from "./support/emulator.ts";
import { type Market, openMarket } from "./support/market.ts";
import { percentile, randomOf } from "./support/numbers.ts";
import { openPolledServer } from "./support/polled-server.ts";
import { MIB, peakRssBytes } from "./support/proc.ts";
import { builtProgram, start } from "./support/process.ts";

const LINES = 250;
const GB = 1_000_000_000;
const FLOOD = { mbPerSecond: 100, seconds: 30 };
const FOLLOWERS = 100;
const AT_ONCE = 4;
const SPLITS = 100_000;
const SEED = 20_261_121;

const report = createReport("logs");
const parts = { live, polled, deployed, line, flood, followers, secrets };
type Part = keyof typeof parts;
const asked = process.argv.slice(2).filter((word): word is Part => word in parts);
for (const part of asked.length > 0 ? asked : (Object.keys(parts) as Part[])) await parts[part]();

async function live(): Promise<void> {
  await withMarket({ slots: 2 }, async ({ url, tokens }) => {
    const late = await timeLines({ RENDT_URL: url, RENDT_TOKEN: tokens.submitter }, LINES);
    tellLate("live line, embedded", late, 300);
  });
}

async function polled(): Promise<void> {
  const { url, tokens, close } = await openPolledServer();
  const market = await openMarket();
  const env = { RENDT_HOME: join(market.folder, "polled"), RENDT_URL: url, RENDT_TOKEN: tokens.worker };
  const worker = start([process.execPath, builtProgram(), "worker", "start", "--slots", "1"], { env, log: market.log });
  try {
    const late = await timeLines({ RENDT_URL: url, RENDT_TOKEN: tokens.submitter }, LINES);
    tellLate("live line, where all poll", late, 2000);
  } finally {
    await worker.end("SIGKILL");
    await market.close();
    await close();
  }
}

/** The same over the stack as it is deployed, on an emulator: Lambdas, their cold starts, DynamoDB's stand-in. */
async function deployed(): Promise<void> {
  const emulator = await besideEmulator(import.meta.url, ["deployed"]);
  if (emulator === undefined) return;
  const { url, folder, tokens, close } = await deployStack(emulator);
  const own = { RENDT_HOME: join(folder, "worker"), RENDT_URL: url, RENDT_TOKEN: tokens.worker, ...emulator.trust };
  const command = [process.execPath, builtProgram(), "worker", "start", "--slots", "1"] as const;
  const worker = start(command, { env: own, log: join(folder, "log") });
  try {
    const late = await timeLines({ RENDT_URL: url, RENDT_TOKEN: tokens.submitter, ...emulator.trust }, LINES);
    tellLate("live line, deployed emulator", late, 2000);
  } finally {
    await worker.end("SIGKILL");
    close();
  }
}

function tellLate(figure: string, late: readonly number[], atMost: number): void {
  report({ figure: `${figure}, p95`, value: percentile(late, 0.95), unit: "ms", bar: { atMost }, lines: late.length });
  report({ figure: `${figure}, p50`, value: percentile(late, 0.5), unit: "ms" });
  report({ figure: `${figure}, latest`, value: Math.max(...late), unit: "ms" });
}

/** One line of a GB stays below the cap: all of it has to be there. */
async function line(): Promise<void> {
  const script = `head -c ${GB} /dev/zero | tr '\\0' x`;
  await withFlood({ command: ["sh", "-c", script] }, async ({ market, id, peak, seconds }) => {
    report({ figure: "worker's memory, one line of 1 GB", value: peak / MIB, unit: "MiB", bar: { atMost: 150 } });
    report({ figure: "one line of 1 GB, through", value: GB / 1e6 / seconds, unit: "MB/s" });
    const digest = createHash("sha256");
    let kept = 0;
    for await (const { bytes } of readLog(serverOf(market), { id })) {
      digest.update(bytes);
      kept += bytes.length;
    }
    const wanted = createHash("sha256");
    for (let left = GB; left > 0; left -= MIB) wanted.update(Buffer.alloc(Math.min(MIB, left), "x"));
    const differs = digest.digest("hex") === wanted.digest("hex") ? 0 : 1;
    report({
      figure: "one line of 1 GB, kept otherwise than printed",
      value: differs,
      unit: "logs",
      bar: { atMost: 0 },
      kept,
    });
  });
}

/** Three times the cap: the end is told to be what was printed, less what the result says was dropped. */
async function flood(): Promise<void> {
  const { mbPerSecond, seconds } = FLOOD;
  const script = `
    const { writeSync } = require("node:fs");
    const block = Buffer.from("a line of a job that prints much, number 0123456789\\n".repeat(20000)).subarray(0, 1e6);
    const began = performance.now();
    for (let sent = 0; sent < ${mbPerSecond * seconds}; sent++) {
      const early = (sent * 1000) / ${mbPerSecond} - (performance.now() - began);
      if (early > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, early);
      for (let at = 0; at < block.length; ) at += writeSync(1, block, at);
    }
    require("node:fs").writeSync(2, String(Math.round(performance.now() - began)));`;
  await withFlood({ command: [process.execPath, "-e", script] }, async ({ market, id, peak }) => {
    const { items } = await market.client("submitter").outputs({ id });
    const { reason, log } = items[0]?.result ?? {};
    let [kept, took] = [0, ""];
    for await (const { stream, bytes } of readLog(serverOf(market), { id })) {
      if (stream === "stdout") kept += bytes.length;
      else took = Buffer.from(bytes).toString();
    }
    const mb = mbPerSecond * seconds;
    const unaccounted = Math.abs(mb * 1e6 - kept - (log?.droppedBytes ?? 0));
    report({ figure: "worker's memory, a flood", value: peak / MIB, unit: "MiB", bar: { atMost: 150 }, mb });
    report({ figure: "a flood, taken", value: (1000 * mb) / Number(took), unit: "MB/s", asked: mbPerSecond });
    report({ figure: "a flood, kept of it", value: kept / 1e6, unit: "MB", says: reason });
    report({ figure: "a flood, neither kept nor told dropped", value: unaccounted, unit: "bytes", bar: { atMost: 0 } });
  });
}

/** Followers behind lines that break again and again get what those get who come when all is over. */
async function followers(): Promise<void> {
  const random = randomOf(SEED);
  const script = `
    const { randomBytes } = require("node:crypto");
    let left = 25;
    const print = () => {
      process.stdout.write(randomBytes(1 + Math.random() * 20000));
      process.stderr.write(left + "\\n");
      if (--left > 0) setTimeout(print, Math.random() * 30);
    };
    print();`;
  await withMarket({ slots: AT_ONCE }, async (market) => {
    const line = await openLine(market.url, () => 1000 + 80_000 * random());
    const client = market.client("submitter");
    let [wrong, pieces] = [0, 0];
    const follow = async () => {
      const { items } = await client.create({ jobs: [{ spec: { command: [process.execPath, "-e", script] } }] });
      const id = String(items[0]?.["id"]);
      const follower = createLogFollower({ url: line.url, token: market.tokens.submitter, id });
      await follower.ended;
      const digest = createHash("sha256");
      for await (const frame of readLog(serverOf(market), { id })) digest.update(encodeFrame(frame));
      if (digest.digest("hex") !== follower.sha256()) wrong += 1;
      pieces += follower.frames.length;
    };
    const many = Array.from({ length: AT_ONCE }, async () => {
      for (let run = 0; run < FOLLOWERS / AT_ONCE; run++) await follow();
    });
    await Promise.all(many);
    const facts = { runs: FOLLOWERS, cuts: line.cuts, frames: pieces, seed: SEED };
    report({ figure: "followers that got another log", value: wrong, unit: "runs", bar: { atMost: 0 }, ...facts });
    await line.close();
  });
}

async function secrets(): Promise<void> {
  const { splits, forms, leaks } = fuzzMasker(SPLITS, SEED);
  report({
    figure: "leaked secrets",
    value: leaks.length,
    unit: "leaks",
    bar: { atMost: 0 },
    splits,
    forms,
    seed: SEED,
  });
  for (const { kind, ms } of timeLayOut())
    report({ figure: `laying out 16 KiB of secrets: ${kind}`, value: ms, unit: "ms", bar: { atMost: 20 } });
}

async function withMarket(options: { slots: number }, use: (market: Market, worker: number) => Promise<void>) {
  const market = await openMarket();
  try {
    const worker = await market.startWorker(options);
    await use(market, worker.pid);
  } finally {
    await market.close();
  }
}

type Flooded = { market: Market; id: string; peak: number; seconds: number };

/** Runs a job that prints much, and watches the worker's memory until the log is delivered. */
async function withFlood(spec: Spec, use: (flooded: Flooded) => Promise<void>): Promise<void> {
  await withMarket({ slots: 1 }, async (market, worker) => {
    const job = await market.connect().submit(spec);
    const began = performance.now();
    const { status } = await job.wait();
    if (status !== "finished") throw new Error(`the flood is ${status}`);
    const seconds = (performance.now() - began) / 1000;
    await use({ market, id: job.id, peak: peakRssBytes(worker), seconds });
  });
}

function serverOf({ url, tokens }: Market) {
  return openServer({ url, token: tokens.submitter });
}
