import { cpSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openMarketplace } from "./marketplace.ts";
import { processesWith, until } from "./processes.ts";

it.runIf(process.platform === "linux")(
  "a copy of a worker's folder does not start beside it on the same machine, and its tasks live on",
  async () => {
    const market = await openMarketplace();
    const state = join(market.folder, "state");
    const { id, cancel, done } = await market.startWorker({ state });
    const marker = `marker-${process.pid}-${Date.now()}`;
    const job = await market.submit({ command: ["sh", "-c", `sleep 300; : ${marker}`] });
    await until(() => processesWith(marker).length > 0);
    const copy = join(market.folder, "copy");
    // Without the lock of the folder, which would be noticed first.
    const filter = (path: string) => !lstatSync(path).isSocket() && !path.startsWith(join(state, "lock."));
    cpSync(state, copy, { recursive: true, filter });

    await expect(market.startWorker({ state: copy })).rejects.toMatchObject({
      code: "worker_refused",
      message: expect.stringContaining(`worker ${id} runs on this machine already`),
    });
    expect(processesWith(marker).length).toBeGreaterThan(0);
    await market.client.cancel({ ids: [job] });
    cancel();
    await done;
    await market.startWorker({ state: copy });
  },
);
