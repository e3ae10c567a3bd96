// How a worker finds a server that has moved, on one host with several addresses, and what impostors get out of it. Loopback only.
// node --import ./scripts/ts.mjs bench/discovery.ts [--moves 20] [--tries 100]
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClient } from "../contract/client.ts";
import { createNodeHttp } from "../files/node-http.ts";
import { startLocal } from "../functions/local.ts";
import { announceServer } from "../lan/announce.ts";
import { startWorker } from "../worker/main.ts";
import { ADDRESSES, NETWORKS, openImpostor, shout } from "./discovery/lan.ts";
import { createReport } from "./support/emit.ts";
import { median } from "./support/numbers.ts";

const { values } = parseArgs({
  options: { moves: { type: "string", default: "20" }, tries: { type: "string", default: "100" } },
});
const report = createReport("discovery");
const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
const start = (host: string) => startLocal({ folder: join(folder, "server"), host, port: 0, tls: "own" });

let server = await start("127.0.0.1");
const { first, fingerprint = "", url } = server;
if (!first) throw new Error("the first start makes tokens");
const found = new EventTarget();
const worker = await startWorker({
  url,
  token: first.tokens.worker,
  pin: { origin: url, fingerprint },
  state: join(folder, "worker"),
  slots: 1,
  networks: () => NETWORKS,
  moved: () => found.dispatchEvent(new Event("moved")),
});
await worker.ready;
try {
  await moves();
  await impostors();
} finally {
  worker.cancel();
  await worker.done;
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** The server comes up at another address and port; counted from its announcement until the worker has proved it there. */
async function moves(): Promise<void> {
  const [took, worked]: [number[], number[]] = [[], []];
  for (let move = 1; move <= Number(values.moves); move += 1) {
    await server.close();
    // Down for a while, as a machine that restarts: the worker looks at ever longer distances.
    await sleep((move % 4) * 1000);
    server = await start(ADDRESSES[move % ADDRESSES.length] ?? "127.0.0.1");
    const moved = once(found, "moved", { signal: AbortSignal.timeout(60_000) });
    const began = performance.now();
    const announcement = await announceServer({ host: new URL(server.url).hostname, url: server.url, fingerprint });
    await moved;
    took.push((performance.now() - began) / 1000);
    await run();
    worked.push((performance.now() - began) / 1000);
    announcement.close();
  }
  const facts = { moves: took.length, median: median(took) };
  report({
    figure: "longest time to a server that moved",
    value: Math.max(...took),
    unit: "s",
    bar: { atMost: 5 },
    ...facts,
  });
  report({
    figure: "longest time until a job was done there",
    value: Math.max(...worked),
    unit: "s",
    median: median(worked),
  });
}

/** A job to its end: the next move finds a worker at rest. */
async function run(): Promise<void> {
  const http = createNodeHttp({ pin: { origin: server.url, fingerprint } });
  const client = createClient({ url: server.url, token: first?.tokens.submitter, transport: http.transport });
  const { items } = await client.create({ jobs: [{ spec: { command: ["true"] } }] });
  const [job] = items;
  if (!job || "error" in job) throw new Error("a job was not created");
  await client.get({ ids: [job.id], until: "ended", wait: 25_000 });
  http.close();
}

/** While the server is away, others with keys of their own shout its name, one after the other, and note what they are sent. */
async function impostors(): Promise<void> {
  await server.close();
  let [bytes, met, plain] = [0, 0, 0];
  for (let at = 0; at < Number(values.tries); at += 1) {
    // Every second one says nothing of TLS and reads along on the bare connection.
    const impostor = await openImpostor(at % 2 === 0 ? "tls" : "plain");
    const shouting = shout({ fingerprint, port: impostor.port, name: randomBytes(4).toString("hex") });
    await impostor.met;
    await shouting.close();
    const { inside, outside } = await impostor.close();
    bytes += inside;
    plain += outside.includes(first?.tokens.worker ?? "") || outside.includes("/v1/") ? 1 : 0;
    met += 1;
  }
  report({
    figure: "bytes that impostors were sent inside TLS",
    value: bytes,
    unit: "bytes",
    bar: { atMost: 0 },
    tries: met,
  });
  report({
    figure: "impostors that saw a token or a request",
    value: plain,
    unit: "of them",
    bar: { atMost: 0 },
    tries: met,
  });

  // Afterwards, among 500 servers of others and 500 that claim to be this one.
  const before = process.memoryUsage().heapUsed;
  const crowd = Array.from({ length: 500 }, (_, at) => ({
    fingerprint: at % 2 === 0 ? fingerprint : randomBytes(32).toString("hex"),
    port: 1 + at,
    name: `crowd-${at}`,
  }));
  const noise = crowd.map((one) => shout(one));
  await sleep(1000);
  server = await start("127.0.0.1");
  const moved = once(found, "moved", { signal: AbortSignal.timeout(60_000) });
  const began = performance.now();
  const announcement = await announceServer({ host: "127.0.0.1", url: server.url, fingerprint });
  await moved;
  const seconds = (performance.now() - began) / 1000;
  announcement.close();
  await Promise.all(noise.map((one) => one.close()));
  report({ figure: "time to the server in a flood of 500 others", value: seconds, unit: "s", bar: { atMost: 5 } });
  const grown = (process.memoryUsage().heapUsed - before) / 1024 ** 2;
  report({ figure: "memory that the flood took", value: grown, unit: "MiB" });
}
