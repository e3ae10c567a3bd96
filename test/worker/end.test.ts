import type { ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openMarketplace } from "./marketplace.ts";
import { processesWith, until } from "./processes.ts";
import { textOf } from "./read-log.ts";
import { forkWorker } from "./worker-child.ts";

/** Sleeps as three generations: the child, its child, and one that left the session. */
const family = (marker: string): string[] => [
  "sh",
  "-c",
  `setsid sh -c 'sleep 500; : ${marker}' >/dev/null 2>&1 & sh -c 'sleep 500; : ${marker}' & wait; : ${marker}`,
];

const unique = (): string => `marker-${process.pid}-${Math.random().toString(36).slice(2)}`;

async function killed(worker: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => worker.once("exit", resolve));
  worker.kill("SIGKILL");
  await gone;
}

describe("after a cancel", () => {
  it("nothing of the task is left, whoever left its group included", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const marker = unique();
    const id = await market.submit({ command: family(marker) });
    await until(() => processesWith(marker).length >= 3);
    await market.client.cancel({ ids: [id] });
    await until(() => processesWith(marker).length === 0);
    expect(await market.ended(id)).toMatchObject({ status: "cancelled" });
    // The slot is free again.
    expect(await market.run({ command: ["true"] })).toMatchObject({ exitCode: 0 });
  });
});

describe("after a task's own end", () => {
  it("nothing of it is left either", async () => {
    const market = await openMarketplace();
    await market.startWorker();
    const marker = unique();
    await market.run({ command: ["sh", "-c", `setsid sh -c 'sleep 500; : ${marker}' >/dev/null 2>&1 & exit 0`] });
    expect(processesWith(marker)).toEqual([]);
  });
});

describe("after a worker was killed", () => {
  it("its watchdog leaves nothing of its children", async () => {
    const market = await openMarketplace();
    const marker = unique();
    const { child: worker } = await forkWorker(market);
    await market.submit({ command: family(marker) });
    await until(() => processesWith(marker).length >= 3);
    await killed(worker);
    await until(() => processesWith(marker).length === 0);
  });

  it("a child that emptied its environment goes too", async () => {
    const market = await openMarketplace();
    const marker = unique();
    const { child: worker } = await forkWorker(market);
    await market.submit({ command: ["env", "-i", "/bin/sh", "-c", `sleep 500; : ${marker}`] });
    await until(() => processesWith(marker).length >= 1);
    // The watchdog hears of a group after a tenth of a second.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await killed(worker);
    await until(() => processesWith(marker).length === 0);
  });

  it("the next one reports a child that nobody saw end as vanished, and the task is run again", async () => {
    const market = await openMarketplace();
    const marker = unique();
    const { child: worker } = await forkWorker(market);
    const shared = mkdtempSync(join(market.folder, "shared-"));
    chmodSync(shared, 0o777);
    const once = `test -e ${shared}/begun || { touch ${shared}/begun; sleep 500; }; : ${marker}`;
    const id = await market.submit({ command: ["sh", "-c", once] });
    await until(() => processesWith(marker).length >= 1);
    await killed(worker);
    await until(() => processesWith(marker).length === 0);
    await market.startWorker({ state: join(market.folder, "forked") });
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    expect(market.notices).toContainEqual(expect.stringContaining("ended unseen"));
  });

  it("the next one hands in a result that was journalled and never acknowledged", async () => {
    const market = await openMarketplace();
    const gate = join(market.folder, "gate");
    const { child: worker } = await forkWorker(market);
    const id = await market.submit({
      command: ["sh", "-c", `while ! test -e ${gate}; do sleep 0.02; done; echo kept; echo data > out.txt`],
      outputs: ["out.txt"],
    });
    await until(async () => (await market.client.show({ id })).job.status === "executing");
    await market.stop();
    writeFileSync(gate, "");
    const journal = join(market.folder, "forked", "journal");
    await until(() => readFileSync(journal, "utf8").includes('"is":"result"'));
    await killed(worker);
    await market.restart();
    await market.startWorker({ state: join(market.folder, "forked") });
    expect(await market.ended(id)).toMatchObject({ status: "finished" });
    const [result] = await market.results(id);
    if (!result) throw new Error("no result");
    expect(textOf(result)).toBe("kept\n");
    expect(result.outputs).toMatchObject({ manifest: { entries: [{ path: "out.txt" }] } });
  });
});

describe("after a stop", () => {
  it("what runs has ended and was handed in; nothing new was begun; no folder is left", async () => {
    const market = await openMarketplace();
    const worker = await market.startWorker();
    const gate = join(market.folder, "gate");
    const first = await market.submit({ command: ["sh", "-c", `while ! test -e ${gate}; do sleep 0.02; done`] });
    await until(async () => (await market.client.show({ id: first })).job.status === "executing");
    const second = await market.submit({ command: ["true"] });
    worker.stop();
    writeFileSync(gate, "");
    await worker.done;
    expect((await market.client.show({ id: first })).job.status).toBe("finished");
    expect((await market.client.show({ id: second })).job.status).toBe("available");
    const state = join(market.folder, "worker-0");
    expect(existsSync(join(state, "tasks"))).toBe(false);
    expect(readdirSync(join(state, "logs"))).toEqual([]);
  });

  it("a second word ends what runs and gives it back", async () => {
    const market = await openMarketplace();
    const worker = await market.startWorker();
    const marker = unique();
    const id = await market.submit({ command: ["sh", "-c", `sleep 500; : ${marker}`] });
    await until(() => processesWith(marker).length >= 1);
    worker.stop();
    worker.cancel();
    await worker.done;
    expect(processesWith(marker)).toEqual([]);
    expect((await market.client.show({ id })).job.status).toBe("available");
  });
});
