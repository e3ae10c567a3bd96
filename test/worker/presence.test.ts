import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { stateOf } from "../../contract/worker-state.ts";
import { startHttpServer } from "../contract/http-server.ts";
import { openProxy } from "./cut-proxy.ts";
import { type Marketplace, openMarketplace } from "./marketplace.ts";
import { createFakeMachine } from "./owner-rules/fake-sources.ts";
import { until } from "./processes.ts";

/** A worker whose owner comes and goes as the test says. */
async function startOwned(market: Marketplace, more: Parameters<Marketplace["startWorker"]>[0] = {}) {
  const { machine, sources } = createFakeMachine({ realClock: true });
  const ownerFile = join(market.folder, "worker.toml");
  writeFileSync(ownerFile, '[rules]\nuser-idle = "10m"\n');
  const worker = await market.startWorker({ ownerFile, sources, restToldAfterMs: 0, ...more });
  return {
    worker,
    ownerFile,
    comes() {
      machine.idleSeconds = 0;
    },
    leaves() {
      machine.idleSeconds = 3600;
    },
  };
}

const stateIn = async (market: Marketplace, id: string) => stateOf(await market.client.showWorker({ id }), Date.now());
const becomes = (market: Marketplace, id: string, state: string) =>
  until(async () => (await stateIn(market, id)) === state);
const reasonsOf = async (market: Marketplace, job: string) =>
  (await market.client.explain({ id: job })).workers.flatMap(({ reasons }) => reasons);

it("a worker is ready, rests with its owner's rules, is ready again, and stops: its account sees each, and no more than that", async () => {
  const market = await openMarketplace();
  const { worker, comes, leaves } = await startOwned(market);
  expect(await stateIn(market, worker.id)).toBe("ready");
  comes();
  await becomes(market, worker.id, "resting");
  const job = await market.submit({ command: ["true"] });
  expect(await reasonsOf(market, job)).toEqual([expect.stringMatching(/^rests: its owner's rules hold it back now/)]);
  const seen = JSON.stringify([
    await market.client.showWorker({ id: worker.id }),
    await market.client.explain({ id: job }),
  ]);
  expect(seen).not.toMatch(/user|present|idle/);
  leaves();
  expect(await market.ended(job)).toMatchObject({ status: "finished" });
  expect(await stateIn(market, worker.id)).toBe("ready");

  worker.stop();
  expect(await worker.done).toBe("it was told to");
  expect(await stateIn(market, worker.id)).toBe("stopped");
  const next = await market.submit({ command: ["true"] });
  expect(await reasonsOf(market, next)).toEqual(["stopped less than a minute ago"]);
  await market.startWorker({ state: join(market.folder, "worker-0") });
  expect(await market.ended(next)).toMatchObject({ status: "finished" });
  expect(await stateIn(market, worker.id)).toBe("ready");
});

it("a worker that goes on with what stood still is no longer shown as resting, though it asks for nothing", async () => {
  const market = await openMarketplace();
  const { worker, comes, leaves } = await startOwned(market);
  const gate = join(market.folder, "gate");
  const job = await market.submit({ command: ["sh", "-c", `until test -e ${gate}; do sleep 0.02; done`] });
  await until(async () => (await market.client.show({ id: job })).job.status === "executing");
  comes();
  await becomes(market, worker.id, "resting");
  leaves();
  await becomes(market, worker.id, "ready");
  writeFileSync(gate, "");
  expect(await market.ended(job)).toMatchObject({ status: "finished" });
});

it("a worker tells once that it rests, and again when it had to register anew meanwhile", async () => {
  const market = await openMarketplace();
  const proxy = await openProxy(market.url);
  const { worker, ownerFile, comes } = await startOwned(market, { url: proxy.url });
  comes();
  await becomes(market, worker.id, "resting");
  const told = proxy.seen.length;
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(proxy.seen.slice(told)).toEqual([]);
  writeFileSync(ownerFile, '[rules]\nuser-idle = "10m"\nminimum-pay = 1\n');
  await until(() => proxy.seen.slice(told).includes("/v1/workers answered"));
  await becomes(market, worker.id, "resting");
}, 20_000);

it("a rest that is shorter than it takes to be told is not told", async () => {
  const market = await openMarketplace();
  const { worker, comes, leaves } = await startOwned(market, { restToldAfterMs: 30_000 });
  comes();
  await until(() => market.notices.some((text) => text.startsWith("work rests")));
  leaves();
  const job = await market.submit({ command: ["true"] });
  expect(await market.ended(job)).toMatchObject({ status: "finished" });
  expect(await stateIn(market, worker.id)).toBe("ready");
});

it.each([
  ["by itself when it had nothing to do", { idleExitMs: 1000 }, () => undefined],
  ["at once", {}, (worker: { cancel(): void }) => worker.cancel()],
])("a worker that ends %s is stopped", async (_, options, end) => {
  const market = await openMarketplace();
  const worker = await market.startWorker(options);
  end(worker);
  await worker.done;
  expect(await stateIn(market, worker.id)).toBe("stopped");
});

it("a worker after its one piece of work is stopped, and drained if that was ordered meanwhile", async () => {
  const market = await openMarketplace();
  const worker = await market.startWorker({ once: true });
  await market.run({ command: ["true"] });
  await worker.done;
  expect(await stateIn(market, worker.id)).toBe("stopped");
  const other = await market.startWorker();
  await market.client.drainWorker({ id: other.id });
  other.stop();
  await other.done;
  expect(await market.client.showWorker({ id: other.id })).toMatchObject({
    drainedAt: expect.any(Number),
    away: { why: "stopped" },
  });
});

it("a worker that was removed does not come back by ending", async () => {
  const market = await openMarketplace();
  const { worker, comes } = await startOwned(market, { restToldAfterMs: 60_000 });
  comes();
  await until(() => market.notices.some((text) => text.startsWith("work rests")));
  await market.client.removeWorker({ id: worker.id });
  worker.stop();
  await worker.done;
  expect((await market.client.listWorkers({})).items).toEqual([]);
});

const couldNot = ({ notices }: Marketplace) => notices.filter((text) => text.includes("could not be told"));

it("a worker whose server is away ends all the same, and says that it could not tell", async () => {
  const market = await openMarketplace();
  const worker = await market.startWorker();
  await market.stop();
  worker.stop();
  expect(await worker.done).toBe("it was told to");
  expect(couldNot(market)).toEqual([expect.stringMatching(/^the server could not be told that this worker stops: /)]);
});

it("a worker does not wait for a server that does not answer: not for long, and not at all when it is to end at once", async () => {
  const market = await openMarketplace();
  for (const hurry of [false, true]) {
    const proxy = await openProxy(market.url);
    const worker = await market.startWorker({ url: proxy.url });
    await until(() => proxy.seen.includes("/v1/leases/claim asked"));
    proxy.delay("/v1/leases/claim", 60_000);
    const asked = proxy.seen.length;
    worker.stop();
    await until(() => proxy.seen.length > asked);
    if (hurry) worker.cancel();
    expect(await worker.done).toBe("it was told to");
    expect(await stateIn(market, worker.id)).toBe("ready");
  }
  expect(couldNot(market)).toHaveLength(2);
});

it("a server that is older than the word is asked for work as ever, and nothing is said of it", async () => {
  const register = { id: "w000000000000", account: "main", serverTime: Date.now(), renewEveryMs: 20_000 };
  const refusal = { code: "unknown_field", message: 'unknown field "away"', hint: "", retryable: false };
  const server = await startHttpServer(({ url, body }) => {
    if (url === "/v1/workers") return { body: JSON.stringify(register) };
    if (body.includes("away")) return { status: 400, body: JSON.stringify({ error: refusal }) };
    return { body: JSON.stringify({ leases: [], retryAfterMs: 50 }) };
  });
  try {
    const market = await openMarketplace();
    const { worker, comes, leaves } = await startOwned(market, { url: server.url });
    const told = (why: string) => server.seen.filter(({ body }) => body.includes(`"away":"${why}"`));
    const claims = () => server.seen.filter(({ body }) => body.includes('"leases":1'));
    await until(() => claims().length > 0);
    comes();
    await until(() => told("resting").length > 0);
    const before = claims().length;
    leaves();
    await until(() => claims().length > before);
    worker.stop();
    await worker.done;
    expect([told("resting").length, told("stopped").length]).toEqual([1, 1]);
    expect(couldNot(market)).toEqual([]);
  } finally {
    await server.close();
  }
});
