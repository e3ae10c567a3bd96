// 1 GiB by grant, up and down, against curl with the same grants; then through a job, and what memory that took.
// node --import ./scripts/ts.mjs bench/bytes.ts [MIB] [ROUNDS]

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, createWriteStream, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Grant } from "../contract/grant.ts";
import type { Tree } from "../contract/manifest.ts";
import { type BlobSource, blobOf } from "../files/blob-source.ts";
import { buildTree } from "../files/build-tree.ts";
import { collectInputs } from "../files/collect.ts";
import { upload } from "../files/upload.ts";
import { fetchOutputs } from "../sdk/fetch-outputs.ts";
import { openServer } from "../sdk/open-server.ts";
import { type CurlTransfer, curl } from "./support/curl.ts";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { median } from "./support/numbers.ts";
import { MIB, peakRssBytes } from "./support/proc.ts";
import { runToEnd } from "./support/process.ts";
import { interleave, medianRatio, seconds } from "./support/rounds.ts";

/** As many parts at once as our own upload sends. */
const AT_ONCE = 3;

const [mib = 1024, rounds = 3] = process.argv.slice(2).map(Number);
const report = createReport("bytes");
const market = await openMarket();
const server = openServer({ url: market.url, token: market.tokens.submitter });
const folder = market.folder;
const [ours, theirs] = [join(folder, "ours.bin"), join(folder, "theirs.bin")];
const config = join(folder, "curl");
try {
  const worker = await market.startWorker({ slots: 1 });
  for (const path of [ours, theirs]) await writeRandom(path);

  const hashing: number[] = [];
  const up = await interleave(rounds, {
    async rendt() {
      const { id, sources } = await prepare(ours, (took) => hashing.push(mib / took));
      const entryOf = (blob: { sha256: string; size: number }) => ({ use: "input", job: id, blob }) as const;
      return mib / (await seconds(() => upload(sources, { ...server, entryOf })));
    },
    async curl() {
      const { id, sources } = await prepare(theirs);
      const transfers = await partsOf(id, theirs, sources);
      return mib / (await seconds(() => curl(market.url, transfers, { config, atOnce: AT_ONCE })));
    },
  });
  report({ figure: "hash before the upload", value: median(hashing), unit: "MiB/s", rounds: hashing });
  const upPeer = { curl: median(up.curl) };
  report({ figure: "upload", value: median(up.rendt), unit: "MiB/s", peer: upPeer, size: mib, rounds: up });
  report({ figure: "upload to curl", value: medianRatio(up.rendt, up.curl), unit: "×", bar: { atLeast: 0.9 } });

  const client = market.connect();
  const spec = {
    command: ["cp", "in.bin", "out.bin"],
    inputs: [{ path: ours, as: "in.bin" }],
    outputs: ["out.bin"],
  };
  let id = "";
  const whole = await seconds(async () => {
    const job = await client.submit(spec);
    id = job.id;
    const { status, reason } = await job.wait();
    if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
  });
  report({ figure: "a job with as much in and out", value: whole, unit: "s" });

  const into = join(folder, "down");
  const down = await interleave(rounds, {
    async rendt() {
      await quiet();
      const took = await seconds(() => fetchOutputs(server, { id }, { into, apart: false }));
      rmSync(into, { recursive: true });
      return mib / took;
    },
    async curl() {
      const { items, grants } = await server.client.outputs({ id });
      const [grant] = Object.values(grants);
      if (grant?.kind !== "one" || items.length !== 1) throw new Error("no download grant");
      const file = join(folder, "down.bin");
      await quiet();
      const took = await seconds(async () => {
        await curl(market.url, [{ grant, file }], { config, atOnce: 1 });
        await runToEnd(["sh", "-c", 'sha256sum "$0" && sync "$0"', file]);
      });
      rmSync(file);
      return mib / took;
    },
  });
  const downPeer = { "curl && sha256sum && sync": median(down.curl) };
  report({ figure: "verified download", value: median(down.rendt), unit: "MiB/s", peer: downPeer, rounds: down });
  const toCurl = medianRatio(down.rendt, down.curl);
  report({ figure: "download to curl && sha256sum && sync", value: toCurl, unit: "×", bar: { atLeast: 0.8 } });

  for (const [name, { pid }] of Object.entries({ server: market.server(), worker }))
    report({ figure: `peak memory of the ${name}`, value: peakRssBytes(pid) / MIB, unit: "MiB", bar: { atMost: 150 } });
} finally {
  server.close();
  await market.close();
}

/** New content each time, hashed and asked for, so that nothing is there already; the upload itself is left to do. */
async function prepare(
  path: string,
  tellHash?: (took: number) => void,
): Promise<{ id: string; sources: BlobSource[] }> {
  const file = openSync(path, "r+");
  writeSync(file, randomBytes(64), 0, 64, 0);
  closeSync(file);
  const items = await collectInputs([{ path }], { cwd: folder });
  await quiet();
  const started = performance.now();
  const { tree, sources } = await buildTree(items);
  tellHash?.((performance.now() - started) / 1000);
  return { id: await createJob(tree), sources };
}

async function createJob(inputs: Tree): Promise<string> {
  const { items } = await server.client.create({ jobs: [{ spec: { command: ["true"], inputs } }] });
  const [item] = items;
  if (!item || !("status" in item)) throw new Error(`not created: ${JSON.stringify(item)}`);
  return String(item.id);
}

/** The parts as files of their own, because curl can't send a piece of one, and a grant for each; all before the clock starts. */
async function partsOf(id: string, path: string, sources: readonly BlobSource[]): Promise<CurlTransfer[]> {
  const [source] = sources;
  if (source?.from !== "file" || !source.parts) throw new Error(`${mib} MiB do not go in parts: take 100 or more`);
  const { size: partSize, sha256: hashes } = source.parts;
  await runToEnd([
    "sh",
    "-c",
    'rm -f "$1".part.* && split -b "$2" -d -a 4 "$1" "$1".part.',
    "sh",
    path,
    String(partSize),
  ]);
  const entry = { use: "input", job: id, blob: blobOf(source) } as const;
  const [begun] = (await server.client.grants({ entries: [entry] })).items;
  if (begun?.kind !== "parts") throw new Error(`no grant in parts but ${begun?.kind}`);
  const files = hashes.map((_, at) => `${path}.part.${String(at).padStart(4, "0")}`);
  const entries = hashes.map((sha256, at) => {
    const size = statSync(files[at] ?? "").size;
    return { ...entry, part: { upload: begun.upload, number: at + 1, size, sha256 } };
  });
  const { items } = await server.client.grants({ entries });
  await quiet();
  return items.map((grant: Grant, at) => {
    if (grant.kind !== "one") throw new Error(`no grant for part ${at + 1} but ${grant.kind}`);
    return { grant, file: files[at] ?? "" };
  });
}

/** What the run before left to be written must not be written at the expense of the next. */
async function quiet(): Promise<void> {
  await runToEnd(["sync"]);
}

async function writeRandom(path: string): Promise<void> {
  const file = createWriteStream(path);
  for (let at = 0; at < mib; at += 1) if (!file.write(randomBytes(MIB))) await once(file, "drain");
  file.end();
  await once(file, "close");
}
