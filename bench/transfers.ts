// What a home uplink costs: outputs of 1 GB over a line that breaks 20 times, with a worker that dies half way, to the embedded store and to
// an S3; and how well a cap is held.
// node --import ./scripts/ts.mjs bench/transfers.ts [--only disk|s3|cap] [--mb 1000] [--capped-mb 20] [--line-mb 40] [--runs 1] [--seed N]

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { S3_LEAST_PART_BYTES } from "../contract/limits.ts";
import { partSizeOf } from "../functions/blobs/parts.ts";
import { connect } from "../sdk/connect.ts";
import { createReport } from "./support/emit.ts";
import { besideEmulator } from "./support/emulator.ts";
import { type Line, openLine } from "./support/line.ts";
import { openMarket } from "./support/market.ts";
import { randomOf } from "./support/numbers.ts";
import { openPolledServer } from "./support/polled-server.ts";
import { builtProgram, type Started, start } from "./support/process.ts";

const MB = 1_000_000;
const CUTS = 20;
const CAP = MB;

const numbers = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    mb: { ...numbers, default: "1000" },
    "capped-mb": { ...numbers, default: "20" },
    // Fast enough for the patience of a bench, slow enough that cuts meet bytes on their way.
    "line-mb": { ...numbers, default: "40" },
    runs: { ...numbers, default: "1" },
    seed: { ...numbers, default: "20261121" },
  },
});
const size = Number(values.mb) * MB;
const lineRate = Number(values["line-mb"]) * MB;
const random = randomOf(Number(values.seed));
const kinds = { disk, s3, cap };
type Kind = keyof typeof kinds;
const isKind = (word: string): word is Kind => word in kinds;
const report = createReport("transfers");
for (const kind of values.only === undefined ? Object.keys(kinds) : [values.only]) {
  if (!isKind(kind)) throw new Error(`--only is one of ${Object.keys(kinds).join(", ")}, not '${kind}'`);
  await kinds[kind]();
}

async function disk(): Promise<void> {
  for (let run = 0; run < Number(values.runs); run += 1) {
    const market = await openMarket();
    try {
      const { url, tokens, folder } = market;
      const line = await openLine(url, { upRate: lineRate });
      await cutUpload({ server: { url, tokens }, lines: { api: line, blobs: line }, folder, kind: "to rendt up" });
      line.close();
    } finally {
      await market.close();
    }
  }
}

async function s3(): Promise<void> {
  const emulator = await besideEmulator(import.meta.url, [...process.argv.slice(2), "--only", "s3"]);
  if (emulator === undefined) return;
  for (let run = 0; run < Number(values.runs); run += 1) {
    const bucket = `bench-${randomBytes(4).toString("hex")}`;
    const client = new S3Client({ endpoint: emulator.endpoint, forcePathStyle: true, region: "us-east-1" });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
    // As root, the users of the slots walk through it: else what a killed worker leaves lies in /var/tmp.
    chmodSync(folder, 0o711);
    const blobs = await openLine(emulator.endpoint, { upRate: lineRate });
    const server = await openPolledServer({ bucket, endpoint: blobs.url });
    const api = await openLine(server.url);
    try {
      // What one lane loses on average where nothing is kept of a part that broke off.
      const bound = 1 + ((CUTS + 1) * partSizeOf(size, S3_LEAST_PART_BYTES)) / 2 / size;
      await cutUpload({ server, lines: { api, blobs }, folder, kind: "to S3", facts: { bound }, env: emulator.trust });
    } finally {
      for (const line of [api, blobs]) line.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

type Upload = {
  server: { url: string; tokens: { submitter: string; worker: string } };
  /** On the way of a worker to the server, and of its bytes to the store. */
  lines: { api: Line; blobs: Line };
  folder: string;
  kind: string;
  facts?: Record<string, number>;
  env?: Record<string, string>;
};

/** The line breaks at moments that nobody can know, each time for all connections. */
async function cutUpload({ server, lines, folder, kind, facts, env }: Upload): Promise<void> {
  const moments = Array.from({ length: CUTS }, () => 0.01 + 0.98 * random()).sort((a, b) => a - b);
  const killAt = 0.4 + 0.2 * random();
  const home = join(folder, "cut");
  const log = join(folder, "log");
  const launch = () => launchWorker({ home, url: lines.api.url, token: server.tokens.worker, log, env });
  let worker = launch();
  const client = connect({ url: server.url, token: server.tokens.submitter });
  try {
    const job = await client.submit({
      command: ["sh", "-c", `head -c ${size} /dev/urandom > out.bin`],
      outputs: ["out.bin"],
    });
    let cuts = 0;
    let restarted = false;
    lines.blobs.heard = () => {
      const done = lines.blobs.carried / size;
      if (done > (moments[cuts] ?? Number.POSITIVE_INFINITY)) {
        cuts += 1;
        for (const line of new Set(Object.values(lines))) line.cut();
      }
      if (!restarted && done > killAt) {
        restarted = true;
        void worker.end("SIGKILL").then(() => {
          worker = launch();
        });
      }
    };
    const { status, reason } = await job.wait();
    if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
    const { carried, up } = lines.blobs;
    report({
      figure: `sent for each byte of an upload ${kind} that was cut`,
      value: carried / size,
      unit: "×",
      bar: { atMost: 1.05 },
      size,
      cuts,
      workerKilled: restarted ? 1 : 0,
      withBuffers: up / size,
      ...facts,
      seed: Number(values.seed),
    });
  } finally {
    client.close();
    await worker.end("SIGKILL");
  }
}

async function cap(): Promise<void> {
  const size = Number(values["capped-mb"]) * MB;
  const market = await openMarket();
  const client = market.connect();
  const line = await openLine(market.url);
  const home = join(market.folder, "capped");
  mkdirSync(home);
  writeFileSync(join(home, "worker.toml"), `upload-rate = ${CAP}\ndownload-rate = ${CAP}\n`);
  const worker = launchWorker({ home, url: line.url, token: market.tokens.worker, log: market.log });
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
    await market.close();
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

type Worker = { home: string; url: string; token: string; log: string; env?: Record<string, string> | undefined };

/** A worker behind a line, on the same folder each time. */
function launchWorker({ home, url, token, log, env }: Worker): Started {
  const own = { RENDT_HOME: home, RENDT_URL: url, RENDT_TOKEN: token, ...env };
  return start([process.execPath, builtProgram(), "worker", "start", "--slots", "1"], { env: own, log });
}
