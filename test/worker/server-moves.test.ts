import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { createClient } from "../../contract/client.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { type LocalServer, startLocal } from "../../functions/local.ts";
import { announceServer } from "../../lan/announce.ts";
import { hintOf, readSightings, type Sighting } from "../../lan/announcement.ts";
import { openMdns } from "../../lan/mdns.ts";
import type { WorkerOptions } from "../../worker/config.ts";
import { startWorker } from "../../worker/main.ts";
import { openSomebody } from "../lan/lan.ts";

const LOOPBACK = [{ address: "127.0.0.1", cidr: "127.0.0.1/8" }];

/** A server with a key of its own that goes from port to port, and workers that were told where it is once. */
async function openMovingMarket() {
  const folder = mkdtempSync(join(tmpdir(), "rendt-moves-"));
  const start = (host: string) => startLocal({ folder: join(folder, "server"), host, port: 0, tls: "own" });
  let server = await start("127.0.0.1");
  const { tokens } = server.first ?? {};
  if (!tokens) throw new Error("the first start makes tokens");
  const fingerprint = server.fingerprint ?? "";
  const notices: string[] = [];
  const ends: (() => Promise<unknown> | unknown)[] = [() => server.close()];
  onTestFinished(async () => {
    for (const end of ends.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    notices,
    server: (): LocalServer => server,
    async worker(name: string, more: Partial<WorkerOptions> = {}) {
      const { url } = server;
      const pin = { origin: url, fingerprint };
      const options = { url, token: tokens.worker, pin, state: join(folder, name), slots: 1, name };
      const worker = await startWorker({
        ...options,
        networks: () => LOOPBACK,
        notice: (text) => notices.push(`${name}: ${text}`),
        ...more,
      });
      ends.push(() => {
        worker.cancel();
        return worker.done;
      });
      await worker.ready;
      return worker;
    },
    close: () => server.close(),
    async move({ host = "127.0.0.1", announced = true } = {}) {
      await server.close();
      server = await start(host);
      if (!announced) return;
      const announcement = await announceServer({ host, url: server.url, fingerprint });
      ends.push(() => announcement.close());
    },
    /** Runs a job, and answers its status after 20 s at most. */
    async run(): Promise<string> {
      const http = createNodeHttp({ pin: { origin: server.url, fingerprint } });
      const client = createClient({ url: server.url, token: tokens.submitter, transport: http.transport });
      const { items } = await client.create({ jobs: [{ spec: { command: ["true"] } }] });
      const [job] = items;
      if (!job || "error" in job) throw new Error("not created");
      await client.get({ ids: [job.id], until: "ended", wait: 20_000 });
      const shown = await client.show({ id: job.id });
      http.close();
      return shown.job.status;
    },
  };
}

it("a worker finds its server at another port and another address, works on and says where it is", async () => {
  const market = await openMovingMarket();
  const found: string[] = [];
  await market.worker("a", { moved: (url) => found.push(url) });
  expect(await market.run()).toBe("finished");
  for (const host of ["127.0.0.2", "127.0.0.1"]) {
    await market.move({ host });
    expect(await market.run()).toBe("finished");
    expect(found.at(-1)).toBe(market.server().url);
  }
});

it("a worker learns from another one where the server is, when that does not announce itself", async () => {
  const market = await openMovingMarket();
  const found: string[] = [];
  await market.worker("a", { moved: (url) => found.push(url) });
  await market.move({ announced: false });
  await market.worker("b");
  while (found.length === 0) await sleep(20);
  expect(found).toEqual([market.server().url]);
});

it("a worker that is not to announce tells nobody where the server is, and finds it all the same", async () => {
  const market = await openMovingMarket();
  const heard: Sighting[] = [];
  const mdns = await openMdns({ networks: () => LOOPBACK, heard: (message) => heard.push(...readSightings(message)) });
  onTestFinished(mdns.close);
  const hint = hintOf(market.server().fingerprint ?? "");
  const tellers = () => heard.filter((sighting) => sighting.hint === hint).map(({ by }) => by);
  await market.worker("quiet", { announce: false });
  await market.move();
  expect(await market.run()).toBe("finished");
  expect(new Set(tellers())).toEqual(new Set(["server"]));
  await market.worker("open");
  while (!tellers().includes("worker")) await sleep(20);
});

it("another server at the old address is told nothing, and the worker waits for its own", async () => {
  const market = await openMovingMarket();
  const { port } = new URL(market.server().url);
  await market.worker("a");
  await market.close();
  const impostor = await openSomebody(Number(port));
  while (impostor.met.connections < 2) await sleep(20);
  expect(impostor.met.bytes).toBe(0);
  await impostor.close();
  await market.move();
  expect(await market.run()).toBe("finished");
  expect(market.notices.join()).toContain("looking for the server on this network");
});
