import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { expect, it, onTestFinished } from "vitest";
import { createClient } from "../../contract/client.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { createNodeHttp } from "../../files/node-http.ts";
import { upload } from "../../files/upload.ts";
import { connect, RendtError } from "../../sdk/index.ts";
import { listTree, makeTree, temporaryFolder } from "../files/folder.ts";
import { openMarketplace } from "../worker/marketplace.ts";

async function world() {
  const market = await openMarketplace();
  const folder = temporaryFolder();
  const client = connect({ url: market.url, token: market.tokens.submitter, cwd: folder });
  onTestFinished(() => client.close());
  return { market, folder, client };
}

it("a program submits files, waits, and gets output and results back", async () => {
  const { market, folder, client } = await world();
  await market.startWorker();
  makeTree(folder, {
    "a.sh": "cat in/* | tr a-z A-Z; echo oops >&2; mkdir out; cp -r in out/; exit 3",
    "data/x": "hello",
    "data/big": randomBytes(200_000),
  });
  makeTree(folder, { words: "from stdin" });
  const job = await client.submit({
    command: ["sh", "-c", "cat; echo; cat in/x; echo oops >&2; mkdir out; cp -r in out/; exit 3"],
    inputs: ["a.sh", { path: "data", as: "in" }],
    outputs: ["out/*"],
    stdin: "words",
    successCodes: [3],
    timeout: "1m",
  });
  expect(job.id).toMatch(/^j[0-9a-hjkmnp-tv-z]{12}$/);
  expect(await job.wait()).toMatchObject({ id: job.id, status: "finished", exitCode: 3 });

  const printed = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of job.logs()) printed[stream] += Buffer.from(bytes).toString();
  expect(printed).toEqual({ stdout: "from stdin\nhello", stderr: "oops\n" });

  const outputs = await job.outputs({ to: "results" });
  expect(outputs.map(({ path }) => path)).toEqual(["out/in/big", "out/in/x"]);
  const [sent, got] = [listTree(join(folder, "data")), listTree(join(folder, "results/out/in"))];
  expect(got).toEqual(sent);
});

it("many jobs are submitted together and waited for together; equal inputs are sent once", async () => {
  const { market, folder, client } = await world();
  await market.startWorker({ slots: 2 });
  makeTree(folder, { f: randomBytes(100_000) });
  const jobs = await client.submitMany(
    Array.from({ length: 12 }, (_, n) => ({ command: ["sh", "-c", `test -s f; exit ${n % 2}`], inputs: ["f"] })),
  );
  const ends = await Promise.all(jobs.map((job) => job.wait()));
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(12);
});

it("an array's end tells the highest exit code, and its outputs are kept apart", async () => {
  const { market, folder, client } = await world();
  await market.startWorker();
  const job = await client.submit({
    command: ["sh", "-c", "echo $RENDT_TASK > t; exit $RENDT_TASK"],
    count: 3,
    outputs: ["t"],
  });
  expect(await job.wait()).toMatchObject({ status: "failed", exitCode: 2 });
  await job.outputs({ to: "out" });
  expect(listTree(join(folder, "out"))).toMatchObject({ "0/t": "644 0\n", "1/t": "644 1\n", "2/t": "644 2\n" });
});

it("the same key finds the same job, another request under it is refused", async () => {
  const { client } = await world();
  const first = await client.submit({ command: ["true"], key: "k" });
  expect((await client.submit({ command: ["true"], key: "k" })).id).toBe(first.id);
  await expect(client.submit({ command: ["false"], key: "k" })).rejects.toMatchObject({ code: "id_taken" });
});

it("a job can be cancelled, and looked up by another program", async () => {
  const { client } = await world();
  const { id } = await client.submit({ command: ["true"] });
  const job = client.job(id);
  expect(await job.view()).toMatchObject({ id, status: "available" });
  const waiting = job.wait();
  await job.cancel();
  expect(await waiting).toMatchObject({ status: "cancelled" });
});

it("a wait ends with its signal, and the job goes on", async () => {
  const { client } = await world();
  const job = await client.submit({ command: ["true"] });
  const stop = new AbortController();
  const waiting = job.wait({ signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(await job.view()).toMatchObject({ status: "available" });
});

it("a live log is followed to its end", async () => {
  const { market, client } = await world();
  await market.startWorker();
  const job = await client.submit({ command: ["sh", "-c", "echo one; sleep 0.3; echo two; sleep 0.3; echo three"] });
  let text = "";
  for await (const { bytes } of job.logs({ follow: true })) text += Buffer.from(bytes).toString();
  expect(text).toBe("one\ntwo\nthree\n");
});

it("mistakes in a spec are told before anything is sent", async () => {
  const { client } = await world();
  for (const wrong of [{ timeout: "soon" }, { keep: -1 }, { inputs: ["gone"] }])
    await expect(client.submit({ command: ["true"], ...wrong })).rejects.toBeInstanceOf(RendtError);
  await expect(client.submit({ command: [] })).rejects.toMatchObject({ code: "bad_request" });
  const misspelt = { command: ["true"], retrys: 3 };
  await expect(client.submit(misspelt)).rejects.toMatchObject({ code: "unknown_field" });
});

it("ids of jobs that are not there are not_found", async () => {
  const { client } = await world();
  const job = client.job("j000000000000");
  await expect(job.wait()).rejects.toMatchObject({ code: "not_found" });
  await expect(job.view()).rejects.toMatchObject({ code: "not_found" });
  await expect(job.cancel()).rejects.toMatchObject({ code: "not_found" });
});

it("a submit that was cut off before the release is carried on under its key", async () => {
  const { market, folder, client } = await world();
  makeTree(folder, { f: randomBytes(100_000) });
  const built = await buildTree(await collectInputs([{ path: "f" }], { cwd: folder }));
  const spec = { command: ["true"], inputs: built.tree };
  const { items } = await market.client.create({ jobs: [{ key: "k", spec }] });
  const [made] = items;
  const id = made && "id" in made ? String(made.id) : "";
  const http = createNodeHttp();
  onTestFinished(() => http.close());
  const entryOf = (blob: { sha256: string; size: number }) => ({ use: "input", job: id, blob }) as const;
  await upload(built.sources, { client: market.client, http, url: market.url, entryOf });
  const job = await client.submit({ command: ["true"], inputs: ["f"], key: "k" });
  expect(await job.view()).toMatchObject({ id, status: "available" });
});

it("many waits share a signal without a warning", async () => {
  const { client } = await world();
  const warnings: string[] = [];
  const hear = ({ message }: Error) => warnings.push(message);
  process.on("warning", hear);
  onTestFinished(() => void process.off("warning", hear));
  const jobs = await client.submitMany(Array.from({ length: 12 }, () => ({ command: ["true"] })));
  const stop = new AbortController();
  const waits = Promise.allSettled(jobs.map((job) => job.wait({ signal: stop.signal })));
  await nextTurn();
  stop.abort(new Error("enough"));
  expect((await waits).map(({ status }) => status)).toEqual(jobs.map(() => "rejected"));
  expect(warnings).toEqual([]);
});

it.each([
  ["no gzip", Buffer.from("junk"), 4],
  ["gzip of no frames", gzipSync("no frames here"), 14],
  ["a bomb", gzipSync(Buffer.alloc(2_000_000)), 10],
])("a log that a worker made up is refused: %s", async (_, packed, bytes) => {
  const { market, client } = await world();
  const job = await client.submit({ command: ["true"] });
  const http = createNodeHttp();
  onTestFinished(() => http.close());
  const worker = createClient({ url: market.url, token: market.tokens.worker, transport: http.transport });
  const id = "w0123456789ab";
  const machine = { name: "liar", slots: 1, version: "0", os: "linux", arch: "x64", cpus: 1, memoryBytes: 0 };
  await worker.register({ id, ...machine, sandbox: "none" });
  const { leases } = await worker.claim({ worker: id, leases: 1 });
  const log = { bytes, stdoutBytes: bytes, stderrBytes: 0, data: packed.toString("base64") };
  const results = [{ index: 0, outcome: "exited" as const, exitCode: 0, durationMs: 1, log }];
  await worker.finish({ worker: id, leases: 0, items: [{ lease: leases[0]?.id ?? "", from: 0, results }] });
  const read = async () => {
    for await (const frame of job.logs()) void frame;
  };
  await expect(read()).rejects.toMatchObject({ code: "wrong_content" });
});
