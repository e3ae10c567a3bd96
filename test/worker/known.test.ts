import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";

const remove = (market: Marketplace, id: string) => market.client.removeWorker({ id });
const told = (market: Marketplace) => market.notices.filter((text) => text.includes("registered again"));

it("a worker that its server has forgotten makes itself known, and takes work again", async () => {
  const market = await openMarketplace();
  const { id } = await market.startWorker();
  await remove(market, id);
  expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  expect(told(market)).toHaveLength(1);
});

it("what it ran meanwhile is handed in, with all its outputs", async () => {
  const market = await openMarketplace();
  const shared = join(market.folder, "shared");
  mkdirSync(shared, { mode: 0o755 });
  const { id } = await market.startWorker();
  const script = `head -c 200000 /dev/urandom > out; echo > begun; until test -e ${shared}/gate; do sleep 0.02; done`;
  const job = await market.submit({ command: ["sh", "-c", script], outputs: ["out"] });
  await until(async () => (await market.client.show({ id: job })).job.status === "executing");
  await remove(market, id);
  writeFileSync(join(shared, "gate"), "");
  expect(await market.ended(job)).toMatchObject({ status: "finished" });
  const [result] = await market.results(job);
  expect(result).toMatchObject({ exitCode: 0, usage: { outputBytes: 200_000 } });
  expect(result?.outputs).toBeDefined();
  expect(result?.reason).toBeUndefined();
});
