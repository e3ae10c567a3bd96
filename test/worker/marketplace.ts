import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Role } from "../../contract/account.ts";
import { type Client, createClient } from "../../contract/client.ts";
import type { JobSpecInput } from "../../contract/job.ts";
import type { Tree } from "../../contract/manifest.ts";
import type { AnswerOf } from "../../contract/operations.ts";
import type { TaskResult } from "../../contract/result.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { startLocal } from "../../functions/local.ts";
import type { WorkerOptions } from "../../worker/config.ts";
import { type RunningWorker, startWorker } from "../../worker/main.ts";

/** A real server on this machine, its submitter, and workers; everything is gone when the test is over. */
export type Marketplace = {
  url: string;
  folder: string;
  tokens: Record<Role, string>;
  client: Client;
  notices: string[];
  startWorker(options?: Partial<WorkerOptions>): Promise<RunningWorker>;
  /** Submits a job and answers its id. */
  submit(spec: JobSpecInput): Promise<string>;
  /** Waits for the end of a job. */
  ended(id: string): Promise<AnswerOf<"show">["job"]>;
  results(id: string): Promise<TaskResult[]>;
  /** Submits, waits, and answers the one result. */
  run(spec: JobSpecInput): Promise<TaskResult>;
  /** An input tree whose bytes travel in it. */
  inline(files: Record<string, Buffer>): Promise<{ inputs: Tree }>;
  restart(): Promise<void>;
  stop(): Promise<void>;
};

export async function openMarketplace({ clock }: { clock?: () => number } = {}): Promise<Marketplace> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-worker-"));
  // The users of a root worker's slots walk through it.
  chmodSync(folder, 0o711);
  const options = { folder: join(folder, "server"), host: "127.0.0.1", port: 0, clock };
  let server = await startLocal(options);
  const tokens = server.first?.tokens;
  if (!tokens) throw new Error("the first start makes tokens");
  const http = createNodeHttp();
  const workers: RunningWorker[] = [];
  const notices: string[] = [];
  const market: Marketplace = {
    url: server.url,
    folder,
    tokens,
    notices,
    client: createClient({ url: server.url, token: tokens.submitter, transport: http.transport }),
    async startWorker(more = {}) {
      const worker = await startWorker({
        url: market.url,
        token: tokens.worker,
        state: join(folder, `worker-${workers.length}`),
        slots: 1,
        graceMs: 500,
        notice: (text) => notices.push(text),
        ...more,
      });
      workers.push(worker);
      await worker.ready;
      return worker;
    },
    async submit(spec) {
      const { items } = await market.client.create({ jobs: [{ spec }] });
      const [item] = items;
      if (!item || "error" in item) throw new Error(`not created: ${JSON.stringify(item)}`);
      return item.id;
    },
    async ended(id) {
      for (;;) {
        const { items } = await market.client.get({ ids: [id], until: "ended", wait: 20_000 });
        const [item] = items;
        if (!item || "missing" in item) throw new Error(`no job ${id}`);
        if (["finished", "failed", "cancelled", "expired"].includes(item.status)) return item;
      }
    },
    async results(id) {
      const { items } = await market.client.outputs({ id, limit: 200 });
      return items.map(({ result }) => result);
    },
    async run(spec) {
      const id = await market.submit(spec);
      await market.ended(id);
      const [result] = await market.results(id);
      if (!result) throw new Error(`job ${id} has no result`);
      return result;
    },
    async inline(files) {
      const source = mkdtempSync(join(folder, "inputs-"));
      for (const [name, bytes] of Object.entries(files)) writeFileSync(join(source, name), bytes);
      const inputs = Object.keys(files).map((path) => ({ path }));
      return { inputs: (await buildTree(await collectInputs(inputs, { cwd: source }))).tree };
    },
    async restart() {
      const { port } = new URL(server.url);
      server = await startLocal({ ...options, port: Number(port) });
    },
    stop: () => server.close(),
  };
  onTestFinished(async () => {
    for (const worker of workers) worker.cancel();
    await Promise.allSettled(workers.map(({ done }) => done));
    http.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
    expect(notices.filter((text) => text.includes("failed on this worker"))).toEqual([]);
  });
  return market;
}
