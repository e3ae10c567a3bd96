import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { createRetryingClient } from "../../contract/retry.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { download } from "../../files/download.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { upload } from "../../files/upload.ts";
import { machine } from "../support/world.ts";
import { openMarketplace } from "./marketplace.ts";
import { framesOf } from "./read-log.ts";
import { forkWorker } from "./worker-child.ts";

const HOUR = 3_600_000;
const STEP_MS = 18_000;

it.each([
  ["ahead", HOUR],
  ["behind", -HOUR],
])("a worker whose clock is an hour %s claims, renews, moves bytes and dates its log as any other", async (_, ms) => {
  let passed = 0;
  const clock = () => Date.now() + passed;
  const market = await openMarketplace({ clock });
  const http = createNodeHttp();
  const transfer = { client: createRetryingClient(market.client), http, url: market.url };
  const folder = mkdtempSync(join(market.folder, "files-"));
  const bytes = Buffer.alloc(200_000, "rendt ");
  writeFileSync(join(folder, "in"), bytes);
  const { tree, sources } = await buildTree(await collectInputs([{ path: "in" }], { cwd: folder }));
  const command = ["sh", "-c", "cat in in > out; echo ran"];
  const id = await market.submit({ command, inputs: tree, outputs: ["out"] });
  await upload(sources, { ...transfer, entryOf: (blob) => ({ use: "input", job: id, blob }) });
  await market.client.release({ id });

  // Somebody else loses it first, so that the next one has to renew its lease before it may begin.
  const ghost = createClient({ url: market.url, token: market.tokens.worker, transport: fetchTransport });
  const { id: worker } = await ghost.register(machine());
  expect((await ghost.claim({ worker, leases: 1 })).leases).toHaveLength(1);
  const status = async () => (await market.client.show({ id })).job.status;
  while ((await status()) === "executing") {
    passed += STEP_MS;
    await new Promise((swept) => setTimeout(swept, 1100));
  }

  const began = clock();
  const wrong = new URL(`../support/skewed-clock.mjs?ms=${ms}`, import.meta.url).href;
  await forkWorker(market, {}, ["--import", wrong]);
  const ended = await market.ended(id);
  expect(ended).toMatchObject({ status: "finished" });
  for (const time of [ended.startedAt, ended.endedAt]) expect(time).toBeLessThanOrEqual(clock());
  expect(ended.endedAt).toBeGreaterThanOrEqual(began);
  const [result] = await market.results(id);
  const frames = result ? framesOf(result) : [];
  expect(frames.map((frame) => Buffer.from(frame.bytes).toString())).toEqual(["ran\n"]);
  for (const frame of frames) {
    expect(frame.ms).toBeGreaterThanOrEqual(began - 1000);
    expect(frame.ms).toBeLessThanOrEqual(clock() + 1000);
  }
  if (!result?.outputs) throw new Error("no outputs");
  const [{ lease } = { lease: "" }] = (await market.client.outputs({ id })).items;
  expect(lease).not.toBe("");
  await download(result.outputs, join(folder, "got"), {
    ...transfer,
    entryOf: (blob) => ({ use: "output", job: id, index: 0, blob }),
  });
  const got = createHash("sha256")
    .update(readFileSync(join(folder, "got", "out")))
    .digest("hex");
  expect(got).toBe(createHash("sha256").update(bytes).update(bytes).digest("hex"));
  http.close();
});
