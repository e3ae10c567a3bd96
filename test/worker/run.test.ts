import { expect, it } from "vitest";
import { openMarketplace } from "./marketplace.ts";

it("runs a command and hands its exit code in", async () => {
  const market = await openMarketplace();
  await market.startWorker();
  expect(await market.run({ command: ["true"] })).toMatchObject({ outcome: "exited", exitCode: 0 });
  expect(await market.run({ command: ["sh", "-c", "exit 7"] })).toMatchObject({ outcome: "exited", exitCode: 7 });
});
