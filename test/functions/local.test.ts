import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient } from "../../contract/client.ts";
import { fetchTransport } from "../../contract/fetch-transport.ts";
import { MAX_BODY_BYTES } from "../../contract/limits.ts";
import { type LocalOptions, type LocalServer, startLocal } from "../../functions/local.ts";
import { blobOf, createJob, exited, machine, submit, WORKER } from "../support/world.ts";

let folder: string;
const running: LocalServer[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "rendt-local-")), "data");
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  rmSync(join(folder, ".."), { recursive: true });
});

async function start(options: Partial<LocalOptions> = {}): Promise<LocalServer> {
  const server = await startLocal({ host: "127.0.0.1", port: 0, folder, log: () => {}, ...options });
  running.push(server);
  return server;
}

const as = (url: string, token: string | undefined): Client => createClient({ url, token, transport: fetchTransport });

async function startFirst(options: Partial<LocalOptions> = {}) {
  const server = await start(options);
  const { tokens } = server.first ?? {};
  const worker = as(server.url, tokens?.worker);
  await worker.register(machine());
  return { server, worker, submitter: as(server.url, tokens?.submitter), tokens };
}

describe("the embedded server", () => {
  it("serves a job with files from create to its result", async () => {
    const { server, submitter, worker } = await startFirst();
    const content = Buffer.from("hello");
    const entry = { kind: "file" as const, path: "f", mode: 0o644, ...blobOf(content) };
    const { id, grants } = await submit(submitter, {
      command: ["cat", "f"],
      inputs: { manifest: { entries: [entry] } },
    });
    const [upload] = grants;
    if (upload?.kind !== "one") throw new Error("no upload");
    const { "content-length": _, ...headers } = upload.headers;
    const put = await fetch(server.url + upload.url, { method: "PUT", headers, body: content });
    expect(put.status).toBe(200);
    expect(await submitter.release({ id })).toMatchObject({ status: "available" });
    const { leases } = await worker.claim({ worker: WORKER, leases: 1 });
    const [lease] = leases;
    const download = lease?.grants[blobOf(content).sha256];
    if (!lease || download?.kind !== "one") throw new Error("no download");
    expect(await (await fetch(server.url + download.url)).text()).toBe("hello");
    const waiting = submitter.get({ ids: [id], until: "ended", wait: 25_000 });
    await worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: 0, results: [exited(0)] }] });
    expect((await waiting).items).toMatchObject([{ status: "finished" }]);
  });

  it("keeps everything over a restart, and shows its tokens at the first start only", async () => {
    const { server, submitter, tokens } = await startFirst();
    const id = await createJob(submitter, { command: ["true"] });
    const [keyed] = (await submitter.create({ jobs: [{ key: "k", spec: { command: ["true"] } }] })).items;
    await server.close();
    running.pop();
    const again = await start();
    expect(again.first).toBeUndefined();
    const client = as(again.url, tokens?.submitter);
    expect((await client.get({ ids: [id] })).items).toMatchObject([{ status: "available" }]);
    const [known] = (await client.create({ jobs: [{ key: "k", spec: { command: ["true"] } }] })).items;
    expect(known).toMatchObject({ id: keyed?.["id"], existing: true });
  });

  it("gives one token of each role, for one account, and stores none of them", async () => {
    const { server, tokens } = await startFirst();
    for (const [role, token] of Object.entries(tokens ?? {})) {
      expect(await as(server.url, token).whoami()).toMatchObject({ account: "main", role });
      for (const name of ["rendt.db", "rendt.db-wal"]) {
        const path = join(folder, name);
        if (existsSync(path)) expect(readFileSync(path).includes(token.split("_")[3] ?? "?")).toBe(false);
      }
    }
  });

  it("keeps its folder and its secret to its owner", async () => {
    await start();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "secret")).mode & 0o777).toBe(0o600);
  });

  it("gives no job to a worker that hung up while it waited", async () => {
    const { submitter, worker } = await startFirst();
    const hangUp = new AbortController();
    const waiting = worker.claim({ worker: WORKER, leases: 1, wait: 25_000 }, { signal: hangUp.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    hangUp.abort();
    await waiting.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const id = await createJob(submitter, { command: ["true"] });
    expect((await submitter.get({ ids: [id] })).items).toMatchObject([{ status: "available" }]);
    expect((await worker.claim({ worker: WORKER, leases: 1 })).leases).toMatchObject([{ job: id }]);
  });

  it("hears of a body that is too long while it streams", async () => {
    const { server, tokens } = await startFirst();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${tokens?.submitter}`, "transfer-encoding": "chunked" };
      const sending = request(`${server.url}/v1/jobs`, { method: "POST", headers }, (answer) => {
        resolve(answer.statusCode);
        answer.resume();
        sending.destroy();
      });
      sending.on("error", reject);
      const piece = Buffer.alloc(1024 * 1024, 32);
      for (let sent = 0; sent <= MAX_BODY_BYTES; sent += piece.length) sending.write(piece);
    });
    expect(status).toBe(413);
  });
});

describe("a start is refused", () => {
  it("when another server works on the folder, which goes on undisturbed", async () => {
    const { submitter } = await startFirst();
    await expect(start()).rejects.toMatchObject({
      code: "folder_refused",
      message: expect.stringContaining("another rendt server"),
    });
    expect((await submitter.list()).items).toEqual([]);
  });

  it("when the port is taken, and lets go of the folder", async () => {
    const { server } = await startFirst();
    const port = Number(new URL(server.url).port);
    const other = join(folder, "..", "other");
    await expect(start({ port, folder: other })).rejects.toMatchObject({
      code: "port_taken",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    await start({ folder: other });
  });

  it("when plain HTTP could be heard by others, unless somebody insists", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toMatchObject({ code: "plain_http_refused" });
    await start({ host: "0.0.0.0", insecure: true });
  });

  it("when the address is none of this machine", async () => {
    await expect(start({ host: "192.0.2.1", insecure: true })).rejects.toMatchObject({ code: "cannot_listen" });
  });

  it("when certificate and key are none", async () => {
    await expect(start({ tls: { cert: "x", key: "y" } })).rejects.toMatchObject({
      code: "cannot_listen",
      message: expect.stringContaining("TLS certificate"),
    });
  });

  it("when its secret is damaged", async () => {
    const { server } = await startFirst();
    await server.close();
    running.pop();
    writeFileSync(join(folder, "secret"), "short");
    await expect(start()).rejects.toMatchObject({
      code: "folder_refused",
      message: expect.stringContaining("is damaged"),
    });
  });

  it("when its database was lost or emptied, instead of beginning anew", async () => {
    const { server } = await startFirst();
    await server.close();
    running.pop();
    const refusal = { code: "folder_refused", message: expect.stringContaining("is missing or empty") };
    writeFileSync(join(folder, "rendt.db"), "");
    await expect(start()).rejects.toMatchObject(refusal);
    rmSync(join(folder, "rendt.db"));
    await expect(start()).rejects.toMatchObject(refusal);
    rmSync(join(folder, "secret"));
    await start();
  });

  it("when its folder can't be made", async () => {
    const file = join(folder, "..", "file");
    writeFileSync(file, "");
    for (const bad of [file, join(file, "below"), "/proc/rendt-test"]) {
      await expect(start({ folder: bad })).rejects.toMatchObject({
        code: "folder_refused",
        message: expect.stringContaining("can't make the server's folder"),
      });
    }
  });
});

describe("close", () => {
  it("answers those who wait, and takes nothing new", async () => {
    const { server, submitter, worker } = await startFirst();
    const id = await createJob(submitter, { command: ["true"], delayMs: 60_000 });
    const waits = Promise.all([
      worker.claim({ worker: WORKER, leases: 1, wait: 25_000 }),
      submitter.get({ ids: [id], until: "ended", wait: 25_000 }),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close();
    const [claimed, seen] = await waits;
    expect(claimed.leases).toEqual([]);
    expect(seen.items).toMatchObject([{ status: "waiting" }]);
    await expect(submitter.list()).rejects.toMatchObject({ name: "UnreachableError" });
  });

  it("twice is nothing", async () => {
    const { server } = await startFirst();
    await Promise.all([server.close(), server.close()]);
  });
});
