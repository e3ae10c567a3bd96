// Updates of a worker, each with a kill -9 of the worker, its launcher or both at a random step. A supervisor starts the launcher again,
// as systemd would. Afterwards there has to be a worker that works, and never one older than the last that was kept. Then builds that are
// kept and come to fail at each start, with kills meanwhile: the one before has to come back, and stay whatever the server offers.
// node --import ./scripts/ts.mjs bench/updates.ts [--updates 50] [--failing 5] [--seed N]
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClient } from "../contract/client.ts";
import { isNewer } from "../contract/version-order.ts";
import { createNodeHttp } from "../files/node-http.ts";
import { createReport } from "./support/emit.ts";
import { median, randomOf } from "./support/numbers.ts";
import { childrenOf } from "./support/proc.ts";
import { builtProgram, freePort, runToEnd, type Started, start } from "./support/process.ts";

/** What the log says at each step, in order; the first is before the worker has heard of the build. */
const STEPS = ["", "fetching version V", "version V is fetched", "starting version V", "version V works and is kept"];
const VICTIMS = ["worker", "launcher", "both"] as const;
const WITHIN_MS = 60_000;

const { values } = parseArgs({
  options: {
    updates: { type: "string", default: "50" },
    failing: { type: "string", default: "5" },
    seed: { type: "string", default: String(Date.now() % 1e6) },
  },
});
const report = createReport("updates");
const random = randomOf(Number(values.seed));
const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;

const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
// As root, the users of the slots walk through it: else what a killed worker leaves lies in /var/tmp.
chmodSync(folder, 0o711);
const [owner, box] = [join(folder, "owner"), join(folder, "box")];
const log = join(folder, "log");
const program = builtProgram();
const release = readFileSync(join(dirname(program), "worker.js"), "utf8");
const rendt = (home: string, ...words: string[]): Started =>
  start([process.execPath, program, ...words], { env: { RENDT_HOME: home }, log });
const listen = `127.0.0.1:${await freePort()}`;

const server = rendt(owner, "up", "--listen", listen, "--tls", "--no-worker");
const profile = join(owner, "profiles", "default.json");
await until(() => existsSync(profile));
const { tokens, fingerprint, url } = JSON.parse(readFileSync(profile, "utf8"));
const http = createNodeHttp({ pin: { origin: url, fingerprint } });
const client = createClient({ url, token: tokens.submitter, transport: http.transport });
await runToEnd([process.execPath, program, "enroll", "create"], {
  env: { RENDT_HOME: owner },
  log: join(folder, "code"),
});
const code = /--code (\S+)/.exec(readFileSync(join(folder, "code"), "utf8"))?.[1] ?? "";
await runToEnd([process.execPath, program, "worker", "join", url, "--code", code], { env: { RENDT_HOME: box }, log });

let launcher = launch();
let stopping = false;
const own = JSON.parse(String(await output("build"))).version;
let kept: string = own;
const took: number[] = [];
const counts = { arrived: 0, dead: 0, older: 0, left: 0, back: 0 };
try {
  await works();
  for (let at = 1; at <= Number(values.updates); at += 1) await update(`9.${at}.0`);
  const failing = Number(values.failing);
  for (let at = 1; at <= failing; at += 1) await failLater(`10.${at}.0`);
  const facts = { updates: took.length, failing, seed: Number(values.seed) };
  report({
    figure: "updates after which no worker worked",
    value: counts.dead,
    unit: "updates",
    bar: { atMost: 0 },
    ...facts,
  });
  report({ figure: "older versions after success", value: counts.older, unit: "times", bar: { atMost: 0 }, ...facts });
  const bar = { atLeast: took.length };
  report({
    figure: "updates that arrived in spite of the kill",
    value: counts.arrived,
    unit: "updates",
    bar,
    ...facts,
  });
  report({
    figure: "builds that came to fail and gave way to the one before",
    value: counts.left,
    unit: "builds",
    bar: { atLeast: failing },
    ...facts,
  });
  report({ figure: "such builds that came again", value: counts.back, unit: "builds", bar: { atMost: 0 }, ...facts });
  report({ figure: "time of an update with a kill", value: median(took), unit: "s", longest: Math.max(...took) });
} finally {
  stopping = true;
  http.close();
  await launcher.end("SIGKILL");
  await server.end("SIGKILL");
  // The worker ends by itself when its launcher is gone.
  await sleep(1500);
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
}

async function update(version: string): Promise<void> {
  const began = performance.now();
  const file = join(folder, `${version}.mjs`);
  writeFileSync(file, release.replaceAll(`"${own}"`, `"${version}"`));
  await runToEnd([process.execPath, program, "publish", file], { env: { RENDT_HOME: owner }, log });
  const [step, victim] = [pick(STEPS), pick(VICTIMS)];
  const told = run();
  await until(() => step === "" || readFileSync(log, "utf8").includes(step.replace("V", version)));
  await sleep(random() * 60);
  kill(victim);
  if (!(await works())) counts.dead += 1;
  const seen = await workerVersion();
  if (isNewer(kept, seen)) counts.older += 1;
  if (await until(async () => (await workerVersion()) === version)) {
    counts.arrived += 1;
    kept = version;
  }
  took.push((performance.now() - began) / 1000);
  await told;
}

/** It works, is kept, and then fails at each start as if something that it needs had gone. */
async function failLater(version: string): Promise<void> {
  const file = join(folder, `${version}.mjs`);
  const gone = join(folder, `${version}.gone`);
  const check = `import{existsSync as benchIsGone}from"node:fs";if(benchIsGone(${JSON.stringify(gone)}))process.exit(1);\n`;
  writeFileSync(file, check + release.replaceAll(`"${own}"`, `"${version}"`));
  await runToEnd([process.execPath, program, "publish", file], { env: { RENDT_HOME: owner }, log });
  await run();
  if (!(await until(() => readFileSync(log, "utf8").includes(`version ${version} works and is kept`)))) return;
  writeFileSync(gone, "");
  const from = statSync(log).size;
  const since = () => readFileSync(log).subarray(from).toString();
  kill("worker");
  for (let kills = 0; kills < 3; kills += 1) {
    await sleep(random() * 1000);
    kill(pick(VICTIMS));
  }
  const isLeft = await until(() => since().includes(`version ${version} is not taken again`));
  if (!(await works())) counts.dead += 1;
  if (isLeft && (await workerVersion()) === kept) counts.left += 1;
  // It would start now, and is still what the server offers.
  rmSync(gone);
  kill(pick(VICTIMS));
  if (!(await works())) counts.dead += 1;
  await sleep(3000);
  if ((await workerVersion()) === version) counts.back += 1;
}

function launch(): Started {
  const started = rendt(box, "worker", "start", "--slots", "1", "--update", "--interface", "127.0.0.1");
  void started.ended.then(() => {
    if (!stopping) launcher = launch();
  });
  return started;
}

function kill(victim: (typeof VICTIMS)[number]): void {
  const { pid } = launcher;
  const workers = victim === "launcher" ? [] : childrenOf(pid);
  for (const each of [...workers, ...(victim === "worker" ? [] : [pid])]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It had just ended by itself.
    }
  }
}

/** A job is run to its end in time: it lets the worker hear of the build at once. */
async function run(ms = WITHIN_MS): Promise<boolean> {
  const { items } = await client.create({ jobs: [{ spec: { command: ["true"] } }] });
  const [job] = items;
  if (!job || "error" in job) throw new Error("a job was not created");
  return until(async () => (await client.show({ id: job.id })).job.status === "finished", ms);
}

/** One whose claim was just answered when the worker was killed waits for its lease to run out: another one tells, too. */
async function works(): Promise<boolean> {
  for (let tries = 0; tries < 4; tries += 1) if (await run(WITHIN_MS / 4)) return true;
  return false;
}

async function workerVersion(): Promise<string> {
  const { items } = await client.listWorkers({});
  return items[0]?.version ?? "";
}

async function output(word: string): Promise<string> {
  const path = join(folder, "output");
  await runToEnd([process.execPath, join(dirname(program), "worker.js"), word], { log: path });
  return readFileSync(path, "utf8");
}

async function until(holds: () => boolean | Promise<boolean>, ms = WITHIN_MS): Promise<boolean> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (await holds()) return true;
    await sleep(50);
  }
  return false;
}
