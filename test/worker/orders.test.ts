import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { until } from "./processes.ts";

/** A task that runs until a file is there. */
const gated = (market: Marketplace, name: string) => {
  const gate = join(market.folder, name);
  const command = ["sh", "-c", `while ! test -e ${gate}; do sleep 0.02; done`];
  return { command, open: () => writeFileSync(gate, "") };
};

const statusOf = async (market: Marketplace, id: string) => (await market.client.show({ id })).job.status;

describe("a worker that is drained from afar", () => {
  it("takes nothing new, idle or busy, ends what it runs, and goes on when it is resumed", async () => {
    const market = await openMarketplace();
    const { id: worker } = await market.startWorker();
    const shown = () => market.client.showWorker({ id: worker });
    const busy = gated(market, "busy");
    const first = await market.submit(busy);
    await until(async () => (await statusOf(market, first)) === "executing");

    await market.client.drainWorker({ id: worker });
    await until(() => market.notices.some((text) => text.startsWith("drained from afar")));
    const second = await market.submit({ command: ["true"] });
    expect((await shown()).drainedAt).toBeUndefined();
    busy.open();
    expect(await market.ended(first)).toMatchObject({ status: "finished" });
    await until(async () => (await shown()).drainedAt !== undefined);
    expect(await statusOf(market, second)).toBe("available");

    await market.client.resumeWorker({ id: worker });
    expect(await market.ended(second)).toMatchObject({ status: "finished" });
    expect(market.notices).toContainEqual(expect.stringMatching(/^resumed from afar/));

    // Now while it has nothing to do.
    await market.client.drainWorker({ id: worker });
    await until(async () => (await shown()).drainedAt !== undefined);
    const third = await market.submit({ command: ["true"] });
    await market.client.resumeWorker({ id: worker });
    expect(await market.ended(third)).toMatchObject({ status: "finished" });
  });

  it("gives back the tasks of an array that it has not begun, for others to run", async () => {
    const market = await openMarketplace();
    const { id: worker } = await market.startWorker();
    const busy = gated(market, "busy");
    const id = await market.submit({ ...busy, array: { start: 0, step: 1, count: 8 } });
    await until(async () => (await statusOf(market, id)) === "executing");
    await market.client.drainWorker({ id: worker });
    await until(() => market.notices.some((text) => text.startsWith("drained from afar")));
    busy.open();
    await until(async () => (await market.client.showWorker({ id: worker })).drainedAt !== undefined);
    expect(await market.results(id)).toHaveLength(1);
    await market.startWorker();
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
  });

  it("is still drained after its restart", async () => {
    const market = await openMarketplace();
    const state = join(market.folder, "twice");
    const worker = await market.startWorker({ state });
    await market.client.drainWorker({ id: worker.id });
    worker.stop();
    await worker.done;
    const id = await market.submit({ command: ["true"] });
    await market.startWorker({ state });
    await until(async () => (await market.client.showWorker({ id: worker.id })).drainedAt !== undefined);
    expect(await statusOf(market, id)).toBe("available");
    await market.client.resumeWorker({ id: worker.id });
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
  });
});

describe("a worker ends by itself and says why", () => {
  it("once it had its one piece of work", async () => {
    const market = await openMarketplace();
    const worker = await market.startWorker({ once: true });
    const id = await market.submit({ command: ["true"] });
    expect(await worker.done).toBe("its one piece of work is done");
    expect(await statusOf(market, id)).toBe("finished");
  });

  it("when it had nothing to do for so long, counted from its last task", async () => {
    const market = await openMarketplace();
    const worker = await market.startWorker({ idleExitMs: 1000 });
    const busy = gated(market, "busy");
    const id = await market.submit(busy);
    await until(async () => (await statusOf(market, id)) === "executing");
    await new Promise((resolve) => setTimeout(resolve, 1200));
    busy.open();
    expect(await worker.done).toBe("there was nothing to do for 1 s");
    expect(await statusOf(market, id)).toBe("finished");
  });

  it("also when its server never came", async () => {
    const market = await openMarketplace();
    await market.stop();
    const worker = await market.startWorker({ idleExitMs: 100 });
    expect(await worker.done).toBe("there was nothing to do for 0.1 s");
  });

  it("when its time is over: what runs then goes on to its end", async () => {
    const market = await openMarketplace();
    const time = Date.now() + 1500;
    const worker = await market.startWorker({ until: time });
    const busy = gated(market, "busy");
    const first = await market.submit(busy);
    await until(async () => (await statusOf(market, first)) === "executing");
    await until(() => Date.now() > time + 100);
    const second = await market.submit({ command: ["true"] });
    busy.open();
    expect(await worker.done).toBe("its time is over");
    expect(await statusOf(market, first)).toBe("finished");
    expect(await statusOf(market, second)).toBe("available");
  });

  it("when it was told to", async () => {
    const market = await openMarketplace();
    const worker = await market.startWorker();
    worker.stop();
    expect(await worker.done).toBe("it was told to");
  });
});
