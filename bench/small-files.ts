// 20,000 small files into a job and out again, verified; the same files copied three times stand beside.
// node --import ./scripts/ts.mjs bench/small-files.ts [FILES]
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchOutputs } from "../sdk/fetch-outputs.ts";
import { openServer } from "../sdk/open-server.ts";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { MIB, peakRssBytes } from "./support/proc.ts";
import { runToEnd } from "./support/process.ts";
import { seconds } from "./support/rounds.ts";

const A_FOLDER = 200;
const MAX_BYTES = 4096;

const [files = 20_000] = process.argv.slice(2).map(Number);
const report = createReport("small-files");
const market = await openMarket();
const server = openServer({ url: market.url, token: market.tokens.submitter });
try {
  const worker = await market.startWorker({ slots: 1 });
  const tree = join(market.folder, "in");
  const back = join(market.folder, "back");
  makeFiles(tree);

  const client = market.connect();
  const lap = startLaps();
  const spec = { command: ["cp", "-r", "in", "out"], inputs: [{ path: tree }], outputs: ["out"] };
  const job = await client.submit(spec);
  const submit = lap();
  const { status, reason } = await job.wait();
  if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
  const run = lap();
  await fetchOutputs(server, { id: job.id }, { into: back, apart: false });
  const fetch = lap();
  if (digest(join(back, "out")) !== digest(tree)) throw new Error("what came back is not what was sent");

  const copies = ["work", "work-out", "fetched"].map((name) => join(market.folder, name));
  const copying = await seconds(async () => {
    let from = tree;
    for (const to of copies) {
      await runToEnd(["cp", "-r", from, to]);
      from = to;
    }
    await runToEnd(["sync", "--file-system", market.folder]);
  });
  const peer = { "cp -r three times && sync": copying };
  const [whole, parts] = [submit + run + fetch, { submit, run, fetch }];
  report({ figure: "in, through a job and out", value: whole, unit: "s", bar: { atMost: 60 }, peer, files, parts });
  for (const [name, { pid }] of Object.entries({ server: market.server(), worker }))
    report({ figure: `peak memory of the ${name}`, value: peakRssBytes(pid) / MIB, unit: "MiB" });
} finally {
  server.close();
  await market.close();
}

/** Answers the seconds since it was last asked. */
function startLaps(): () => number {
  let last = performance.now();
  return () => {
    const since = last;
    last = performance.now();
    return (last - since) / 1000;
  };
}

function makeFiles(root: string): void {
  for (let at = 0; at < files; at += 1) {
    const folder = join(root, `d${Math.floor(at / A_FOLDER)}`);
    if (at % A_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${at}`), randomBytes(1 + ((at * 977) % MAX_BYTES)));
  }
}

/** Of all names and contents below a folder. */
function digest(root: string): string {
  const sum = createHash("sha256");
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  for (const name of names.filter((name) => lstatSync(join(root, name)).isFile()))
    sum.update(`${name}\n`).update(readFileSync(join(root, name)));
  return sum.digest("hex");
}
