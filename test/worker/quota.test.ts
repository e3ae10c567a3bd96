import { expect, it } from "vitest";
import { createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { openMarketplace } from "./marketplace.ts";

it("outputs that do not fit into their account's quota wait at the worker, and come when there is room", async () => {
  const market = await openMarketplace();
  const admin = createClient({ url: market.url, token: market.tokens.admin, transport: fetchTransport });
  await admin.changeAccount({ id: "main", quotas: { bytes: 100_000 } });
  await market.startWorker();
  const command = ["sh", "-c", "head -c 150000 /dev/zero > out; echo ran"];
  const id = await market.submit({ command, outputs: ["out"] });
  await expect.poll(() => market.notices.join("\n"), { timeout: 20_000 }).toContain("150000 more");
  const { reasons } = await market.client.explain({ id });
  expect(reasons.join()).toContain("uses 0 of its quota of 100000 bytes");
  await admin.changeAccount({ id: "main", quotas: { bytes: 200_000 } });
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
  const [result] = await market.results(id);
  expect(result).toMatchObject({ exitCode: 0, outputs: { manifest: { entries: [{ path: "out", size: 150_000 }] } } });
  expect((await market.client.showAccount({ id: "main" })).used).toEqual({ bytes: 150_000 });
});
