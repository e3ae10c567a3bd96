import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { type LocalServer, startLocal } from "../../functions/local.ts";
import { exited, machine, WORKER } from "../support/world.ts";

const here = { host: "127.0.0.1", port: 0 };
let folder: string;
const running: LocalServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rendt-local-"));
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  rmSync(folder, { recursive: true });
});

async function start(options: Partial<Parameters<typeof startLocal>[0]> = {}): Promise<LocalServer> {
  const server = await startLocal({ ...here, folder, ...options });
  running.push(server);
  return server;
}

it("serves a job from create to its result over HTTP", async () => {
  const { url, first } = await start();
  const as = (token: string | undefined) => createClient({ url, token, transport: fetchTransport });
  const submitter = as(first?.tokens.submitter);
  const worker = as(first?.tokens.worker);
  await worker.register(machine());
  const { items } = await submitter.create({ jobs: [{ id: "j000000000001", spec: { command: ["true"] } }] });
  expect(items).toMatchObject([{ id: "j000000000001", status: "available" }]);
  const { leases } = await worker.claim({ worker: WORKER, leases: 1 });
  const lease = leases[0]?.id ?? "";
  await worker.finish({ worker: WORKER, items: [{ lease, from: 0, results: [exited(0)] }] });
  const seen = await submitter.get({ ids: ["j000000000001"], until: "ended", wait: 1000 });
  expect(seen.items).toMatchObject([{ status: "finished" }]);
});
