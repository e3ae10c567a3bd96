// Many small files, a task for each, which is given it alone; everything from reading the files to having the outputs. GNU parallel beside it.
// node --import ./scripts/ts.mjs bench/each-file.ts [FILES]
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchOutputs } from "../sdk/fetch-outputs.ts";
import { openServer } from "../sdk/open-server.ts";
import { createReport } from "./support/emit.ts";
import { openMarket } from "./support/market.ts";
import { runToEnd } from "./support/process.ts";
import { seconds } from "./support/rounds.ts";

const [files = 10_000] = process.argv.slice(2).map(Number);
const report = createReport("each-file");
const market = await openMarket();
const server = openServer({ url: market.url, token: market.tokens.submitter });
try {
  await market.startWorker({ slots: 2 });
  const [tree, back, alone] = ["in", "back", "alone"].map((name) => join(market.folder, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [tree, alone]) mkdirSync(folder);
  const items = Array.from({ length: files }, (_, at) => `f${String(at).padStart(6, "0")}`);
  for (const [at, name] of items.entries()) writeFileSync(join(tree, name), `${at}\n`.repeat(1 + (at % 200)));

  const parts = { submit: 0, run: 0, fetch: 0 };
  const client = market.connect();
  let job: Awaited<ReturnType<typeof client.submit>>;
  parts.submit = await seconds(async () => {
    const inputs = [{ path: join(tree, "*"), each: true }];
    job = await client.submit({ command: ["sh", "-c", "wc -l < {} > {}.lines"], items, inputs, outputs: ["*.lines"] });
  });
  parts.run = await seconds(async () => {
    const { status, reason } = await job.wait();
    if (status !== "finished") throw new Error(`the job is ${status}: ${reason}`);
  });
  parts.fetch = await seconds(() => fetchOutputs(server, { id: job.id }, { into: back, apart: false }));
  for (const [at, name] of items.entries())
    if (Number(readFileSync(join(back, `${name}.lines`))) !== 1 + (at % 200))
      throw new Error(`${name} came back wrong`);

  const peer = await seconds(() =>
    runToEnd(["sh", "-c", `ls ${tree} | parallel -j2 'wc -l < ${tree}/{} > ${alone}/{}.lines'`]),
  );
  if (readdirSync(alone).length !== files) throw new Error("parallel left files out");
  const whole = parts.submit + parts.run + parts.fetch;
  report({
    figure: "a file each, there and back",
    value: whole,
    unit: "s",
    peer: { "parallel -j2": peer },
    files,
    parts,
  });
  report({ figure: "tasks a second", value: files / parts.run, unit: "1/s", peer: { "parallel -j2": files / peer } });
} finally {
  server.close();
  await market.close();
}
