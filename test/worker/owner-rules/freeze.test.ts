import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type Marketplace, openMarketplace } from "../marketplace.ts";
import { processesWith, until } from "../processes.ts";
import { createFakeMachine } from "./fake-sources.ts";

const unique = (): string => `owner-${process.pid}-${Math.random().toString(36).slice(2)}`;
const isStopped = (pid: number): boolean => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
const isFrozen = (marker: string): boolean => {
  const found = processesWith(marker);
  return found.length > 0 && found.every(isStopped);
};
const sleeper = (marker: string, seconds: number): string[] => ["sh", "-c", `sleep ${seconds}; : ${marker}`];

function writeRules(market: Marketplace, rules: string): string {
  const path = join(market.folder, "worker.toml");
  writeFileSync(path, `[rules]\n${rules}\n`);
  return path;
}

/** What this program, server and worker in one, asks over HTTP in this time. */
async function requestsWithin(ms: number): Promise<number> {
  let count = 0;
  const hear = () => {
    count += 1;
  };
  subscribe("http.client.request.start", hear);
  await new Promise((resolve) => setTimeout(resolve, ms));
  unsubscribe("http.client.request.start", hear);
  return count;
}

it("a task stands still from the owner's first key on, and goes on when he has left", async () => {
  const market = await openMarketplace();
  const { machine, sources } = createFakeMachine({ realClock: true });
  await market.startWorker({ ownerFile: writeRules(market, 'user-idle = "10m"'), sources });
  const marker = unique();
  const id = await market.submit({ command: sleeper(marker, 3) });
  await until(() => processesWith(marker).length > 0);

  machine.idleSeconds = 0;
  await until(() => isFrozen(marker));
  await until(async () => (await market.client.show({ id })).job.reason === "paused by the machine's owner");
  expect(market.notices.join("\n")).toContain("work rests: user_present");

  machine.idleSeconds = 3600;
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
});

it("a task that stood still for too long is given back, and somebody else gets it", async () => {
  const market = await openMarketplace();
  const { machine, sources } = createFakeMachine({ realClock: true });
  const ownerFile = writeRules(market, 'user-idle = "10m"\ngive-back-after = "1s"');
  await market.startWorker({ ownerFile, sources });
  const marker = unique();
  const id = await market.submit({ command: sleeper(marker, 4) });
  await until(() => processesWith(marker).length > 0);
  machine.idleSeconds = 0;
  await until(() => market.notices.some((text) => text.includes("is given back: it has stood still")));
  await until(() => processesWith(marker).length === 0);

  await market.startWorker();
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
});

it("with slots for the owner's presence the oldest tasks go on", async () => {
  const market = await openMarketplace();
  const { machine, sources } = createFakeMachine({ realClock: true });
  const ownerFile = writeRules(market, 'user-idle = "10m"\nslots-while-present = 1');
  await market.startWorker({ ownerFile, sources, slots: 2 });
  const [first, second] = [unique(), unique()];
  const one = await market.submit({ command: sleeper(first, 4) });
  await until(() => processesWith(first).length > 0);
  const other = await market.submit({ command: sleeper(second, 3) });
  await until(() => processesWith(second).length > 0);
  machine.idleSeconds = 0;
  await until(() => isFrozen(second));
  expect(isFrozen(first)).toBe(false);
  expect(await market.ended(one)).toMatchObject({ status: "finished" });
  // Its place is taken by the other, which stood still.
  expect(await market.ended(other)).toMatchObject({ status: "finished" });
});

it("takes only jobs that the owner wants, and the server hears when that changes", async () => {
  const market = await openMarketplace();
  const { sources } = createFakeMachine({ realClock: true });
  const ownerFile = writeRules(market, 'queues = ["public"]');
  await market.startWorker({ ownerFile, sources });
  const id = await market.submit({ command: ["true"] });
  const { workers } = await market.client.explain({ id });
  expect(workers).toMatchObject([
    { fits: false, reasons: ["does not read queue @main: its owner takes no jobs of it"] },
  ]);
  writeRules(market, 'queues = ["own"]');
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
}, 20_000);

it("does not ask the server while a rule holds, and takes up worker.toml when it changes", async () => {
  const market = await openMarketplace();
  const { machine, sources } = createFakeMachine({ realClock: true });
  machine.idleSeconds = 0;
  const ownerFile = writeRules(market, 'user-idle = "10m"');
  await market.startWorker({ ownerFile, sources });
  const id = await market.submit({ command: ["true"] });
  const requests = await requestsWithin(1500);
  expect(requests).toBe(0);
  await until(async () =>
    (await market.client.explain({ id })).reasons.some((text) => text.includes("asks for work now")),
  );
  expect(await market.client.get({ ids: [id] })).toMatchObject({ items: [{ status: "available" }] });

  appendFileSync(ownerFile, "colour = 1\n");
  await until(() => market.notices.some((text) => text.includes("the rules from before stay in force")));
  writeRules(market, "");
  expect(await market.ended(id)).toMatchObject({ status: "finished" });
}, 20_000);
