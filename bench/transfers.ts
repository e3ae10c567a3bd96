// What a home uplink costs: outputs of 1 GB over a line that breaks 20 times, with a worker that dies half way; and how well a cap is held.
// node --import ./scripts/ts.mjs bench/transfers.ts [MB] [CAPPED_MB]

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createReport } from "./support/emit.ts";
import { type Line, openLine } from "./support/line.ts";
import { openMarket } from "./support/market.ts";
import { builtProgram, type Started, start } from "./support/process.ts";

const MB = 1_000_000;
const CUTS = 20;
/** Fast enough for the patience of a bench, slow enough that cuts meet bytes on their way. */
const LINE_RATE = 40 * MB;
const CAP = MB;

const [mb = 1000, cappedMb = 20] = process.argv.slice(2).map(Number);
const report = createReport("transfers");
const market = await openMarket();
const client = market.connect();
try {
  await cutUpload(mb * MB);
  await cappedJob(cappedMb * MB);
} finally {
  await market.close();
}

async function cutUpload(size: number): Promise<void> {
  const line = await openLine(market.url, { upRate: LINE_RATE });
  const launch = () => launchWorker("cut", line);
  let worker = launch();
  try {
    const job = await client.submit({
      command: ["sh", "-c", `head -c ${size} /dev/urandom > out.bin`],
      outputs: ["out.bin"],
    });
    let cuts = 0;
    let restarted = false;
    line.heard = () => {
      const done = line.up / size;
      if (cuts < CUTS && done > (cuts + 1) / (CUTS + 1)) {
        cuts += 1;
        line.cut();
      }
      if (!restarted && done > 0.48) {
        restarted = true;
        void worker.end("SIGKILL").then(() => {
          worker = launch();
        });
      }
    };
    const { status, reason } = await job.wait();
    if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
    const facts = { size, cuts, workerKilled: restarted ? 1 : 0, sent: line.up };
    report({
      figure: "sent for each byte of an upload that was cut",
      value: line.up / size,
      unit: "×",
      bar: { atMost: 1.05 },
      ...facts,
    });
  } finally {
    await worker.end("SIGKILL");
    line.close();
  }
}

async function cappedJob(size: number): Promise<void> {
  const line = await openLine(market.url);
  const worker = launchWorker("capped", line, `upload-rate = ${CAP}\ndownload-rate = ${CAP}\n`);
  try {
    const input = join(market.folder, "in.bin");
    writeFileSync(input, randomBytes(size));
    const watched = { up: watch(size), down: watch(size) };
    line.heard = () => {
      watched.up.tell(line.up);
      watched.down.tell(line.down);
    };
    // The submitter has a line of its own.
    const job = await client.submit({
      command: ["cp", "in.bin", "out.bin"],
      inputs: [{ path: input, as: "in.bin" }],
      outputs: ["out.bin"],
    });
    const { status, reason } = await job.wait();
    if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
    for (const [way, name] of [
      ["up", "upload"],
      ["down", "download"],
    ] as const) {
      const reached = watched[way].rate();
      const off = 100 * Math.abs(reached / CAP - 1);
      report({ figure: `${name} beside its cap of 1 MB/s`, value: off, unit: "%", bar: { atMost: 5 }, size, reached });
    }
  } finally {
    await worker.end("SIGKILL");
    line.close();
  }
}

/** Bytes a second from the first hundredth to the last, so that what else the line carries does not count as time. */
function watch(size: number) {
  let first: { at: number; bytes: number } | undefined;
  let last = { at: 0, bytes: 0 };
  return {
    tell(bytes: number) {
      if (bytes < size / 100 || last.bytes > size * 0.99) return;
      last = { at: performance.now(), bytes };
      first ??= last;
    },
    rate: () => (first ? ((last.bytes - first.bytes) / (last.at - first.at)) * 1000 : Number.NaN),
  };
}

/** A worker behind a line, on the same folder each time. */
function launchWorker(name: string, line: Line, ownerFile = ""): Started {
  const home = join(market.folder, name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "worker.toml"), ownerFile);
  const env = { RENDT_HOME: home, RENDT_URL: line.url, RENDT_TOKEN: market.tokens.worker };
  return start([process.execPath, builtProgram(), "worker", "start", "--slots", "1"], { env, log: market.log });
}
