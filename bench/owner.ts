// How soon a task stands still when the owner returns (a faked idle source), and what it costs to look at the rules.
// node --import ./scripts/ts.mjs bench/owner.ts [--times 50] [--seconds 60]
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { build } from "esbuild";
import { createClient } from "../contract/client.ts";
import { createNodeHttp } from "../files/node-http.ts";
import { startLocal } from "../functions/local.ts";
import { startWorker } from "../worker/main.ts";
import { createSources } from "../worker/owner-rules/sensors/machine.ts";
import { createReport } from "./support/emit.ts";

const { values } = parseArgs({
  options: { times: { type: "string", default: "50" }, seconds: { type: "string", default: "60" } },
});
const times = Number(values.times);
const seconds = Number(values.seconds);
const report = createReport("owner");

const MARK = `owner-bench-${process.pid}`;
const LATEST_MS = 2000;
/** Looks of this script at the processes; a freeze is told that much too late at most. */
const LOOK_MS = 5;

const folder = mkdtempSync(join(tmpdir(), "rendt-bench-"));
chmodSync(folder, 0o711);
try {
  await measureFreezes();
  await measureRules();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Two tasks of several processes each that compute without end; the owner comes at any moment of a second. */
async function measureFreezes(): Promise<void> {
  const ownerFile = join(folder, "worker.toml");
  writeFileSync(ownerFile, '[rules]\nuser-idle = "10m"\ngive-back-after = "1h"\n');
  let idle = 3600;
  const real = createSources({ folder, trafficToday: () => 0 });
  const sources = { ...real, idleSeconds: { missing: async () => undefined, read: async () => idle } };
  const server = await startLocal({ folder: join(folder, "server"), host: "127.0.0.1", port: 0 });
  const tokens = server.first?.tokens;
  if (!tokens) throw new Error("the first start makes tokens");
  const http = createNodeHttp();
  const client = createClient({ url: server.url, token: tokens.submitter, transport: http.transport });
  const state = join(folder, "worker");
  const worker = await startWorker({ url: server.url, token: tokens.worker, state, slots: 2, ownerFile, sources });
  try {
    const loop = `while :; do :; done; : ${MARK}`;
    const command = ["sh", "-c", `setsid sh -c '${loop}' & sh -c '${loop}' & ${loop}`];
    await client.create({ jobs: [{ spec: { command, array: { count: 2 } } }] });
    while (states().length < 6) await sleep(LOOK_MS);

    const took: number[] = [];
    for (let time = 0; time < times; time += 1) {
      await sleep(Math.random() * 1000);
      idle = 0;
      const began = performance.now();
      while (!states().every((state) => state === "T")) await sleep(LOOK_MS);
      took.push(performance.now() - began);
      idle = 3600;
      while (states().some((state) => state === "T")) await sleep(LOOK_MS);
    }
    took.sort((a, b) => a - b);
    const inTime = took.filter((ms) => ms <= LATEST_MS).length;
    report({
      figure: "owner returns, frozen in 2 s",
      value: inTime,
      unit: "times",
      bar: { atLeast: times },
      of: times,
    });
    report({ figure: "owner returns, frozen after, median", value: took[Math.floor(times / 2)] ?? 0, unit: "ms" });
    report({
      figure: "owner returns, frozen after, latest",
      value: took.at(-1) ?? 0,
      unit: "ms",
      bar: { atMost: LATEST_MS },
    });
  } finally {
    worker.cancel();
    await worker.done;
    http.close();
    await server.close();
  }
}

/** How each process of the tasks stands, by the mark in its command line. */
function states(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(MARK)) return [];
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      return [stat.charAt(stat.lastIndexOf(")") + 2)];
    } catch {
      return [];
    }
  });
}

/** Bundled to plain JavaScript: the loader of TypeScript would cost more than what is measured. Both at once, on the same machine. */
async function measureRules(): Promise<void> {
  const outfile = join(folder, "rules.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("owner/rules.ts", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  const [held, bare] = await Promise.all(["rules", "bare"].map((what) => runRules(outfile, what)));
  if (!held || !bare) throw new Error("both were started");
  const share = (ms: number) => (100 * ms) / (seconds * 1000);
  report({
    figure: "all rules looked at, of a core, over a bare timer",
    value: share(held.cpuMs - bare.cpuMs),
    unit: "%",
    bar: { atMost: 0.1 },
    whole: share(held.cpuMs),
    bare: share(bare.cpuMs),
    rules: held.names,
    seconds,
  });
  report({ figure: "wakes for it", value: held.wakes / seconds, unit: "a second", bar: { atMost: 1 } });
}

async function runRules(script: string, what: string): Promise<{ names: string[]; cpuMs: number; wakes: number }> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder, String(seconds), what]);
  return JSON.parse(stdout);
}
