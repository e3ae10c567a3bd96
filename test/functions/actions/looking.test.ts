import { describe, expect, it } from "vitest";
import { MAX_CANCELLED_LOG_BYTES } from "../../../contract/log-frames.ts";
import type { TaskResult } from "../../../contract/result.ts";
import {
  blobOf,
  createJob,
  exited,
  HOUR,
  MINUTE,
  machine,
  OTHER_WORKER,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

const TRUE = { command: ["true"] };

async function claimOne() {
  const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
  if (!lease) throw new Error("nothing to claim");
  return lease;
}

const finish = (lease: string, results: TaskResult[], from = 0) =>
  world.worker.finish({ worker: WORKER, items: [{ lease, from, results }] });

/** Runs the next job with one output file and a log, both in the object store. */
async function runWithOutput(index = 0) {
  const lease = await claimOne();
  const [output, log] = [Buffer.from("output"), Buffer.from("log")];
  const entries = [output, log].map((bytes) => ({
    use: "deliver" as const,
    lease: lease.id,
    index,
    blob: blobOf(bytes),
  }));
  const { items } = await world.worker.grants({ entries });
  await world.put(items[0], output);
  await world.put(items[1], log);
  const file = { kind: "file" as const, path: "out/a.txt", mode: 0o644, ...blobOf(output) };
  const result: TaskResult = {
    ...exited(index),
    outputs: { manifest: { entries: [file], packs: [] } },
    log: { bytes: 10, stdoutBytes: 3, stderrBytes: 0, blob: blobOf(log) },
  };
  await finish(lease.id, [result]);
  return { lease, result, output, log };
}

describe("get", () => {
  it("answers in the order asked for, and calls the jobs of others missing", async () => {
    const [a, b] = [await createJob(world.submitter, TRUE), await createJob(world.submitter, TRUE)];
    const { items } = await world.submitter.get({ ids: [b, "nonsense", a] });
    expect(items.map((item) => [item.id, "missing" in item])).toEqual([
      [b, false],
      ["nonsense", true],
      [a, false],
    ]);
    const stranger = await world.as("other", "submitter");
    expect((await stranger.get({ ids: [a] })).items).toEqual([{ id: a, missing: true }]);
  });

  it("held open until the end is answered when the job ends", async () => {
    const id = await createJob(world.submitter, TRUE);
    const waiting = world.submitter.get({ ids: [id], until: "ended", wait: 25_000 });
    const lease = await claimOne();
    await finish(lease.id, [exited(0, 3)]);
    expect((await waiting).items).toMatchObject([{ status: "failed", result: { exitCode: 3 } }]);
  });

  it("held open is answered when a version changes that was seen", async () => {
    const id = await createJob(world.submitter, TRUE);
    const seen = (await world.submitter.get({ ids: [id], wait: 25_000 })).items[0];
    const version = Number(seen?.["version"]);
    const waiting = world.submitter.get({ ids: [id], seen: { [id]: version }, wait: 25_000 });
    await claimOne();
    expect((await waiting).items).toMatchObject([{ status: "executing" }]);
  });

  it("held open in vain says when to ask again", async () => {
    const id = await createJob(world.submitter, TRUE);
    const answer = await world.submitter.get({ ids: [id], until: "ended", wait: 10 });
    expect(answer).toMatchObject({ items: [{ status: "available" }], retryAfterMs: expect.any(Number) });
  });

  it("shows of an array what its tasks do", async () => {
    const id = await createJob(world.submitter, { ...TRUE, name: "many", array: { count: 40 } });
    const lease = await claimOne();
    expect((await world.submitter.get({ ids: [id] })).items).toMatchObject([
      {
        name: "many",
        status: "executing",
        tasks: { available: 39, executing: 1 },
        running: [{ lease: lease.id, from: 0, upTo: 1, worker: WORKER, phase: "executing", try: 1 }],
      },
    ]);
  });
});

describe("list", () => {
  it("shows the newest first, by pages, and only one's own", async () => {
    const ids: string[] = [];
    for (let made = 0; made < 5; made += 1) {
      ids.push(await createJob(world.submitter, TRUE));
      await world.pass(10);
    }
    await createJob(await world.as("other", "submitter"), TRUE);
    const first = await world.submitter.list({ limit: 3 });
    const second = await world.submitter.list({ limit: 3, cursor: first.next });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids.toReversed());
    expect(second.next).toBeUndefined();
  });

  it("filters by status and by a glob of names, whatever is in it", async () => {
    const named = await createJob(world.submitter, { ...TRUE, name: "render [1] a.b" });
    await createJob(world.submitter, { ...TRUE, name: "render 1 axb" });
    await claimOne();
    const ids = async (query: Parameters<typeof world.submitter.list>[0]) =>
      (await world.submitter.list(query)).items.map(({ id }) => id);
    expect(await ids({ name: "render [1]*a.b" })).toEqual([named]);
    expect(await ids({ name: "rend*" })).toHaveLength(2);
    expect(await ids({ name: "render ? axb" })).toHaveLength(1);
    expect(await ids({ status: "executing" })).toEqual([named]);
    expect(await ids({ status: "executing", name: "*axb" })).toEqual([]);
  });

  it("of all accounts is for admins", async () => {
    await createJob(await world.as("other", "submitter"), TRUE);
    await expect(world.submitter.list({ all: "true" })).rejects.toMatchObject({ code: "wrong_role" });
    expect((await world.admin.list({ all: "true" })).items).toMatchObject([{ owner: "other" }]);
    expect((await world.admin.list()).items).toEqual([]);
  });
});

describe("show", () => {
  it("has spec and history, oldest first", async () => {
    const id = await createJob(world.submitter, { ...TRUE, retries: 1, env: { A: "b" } });
    const lease = await claimOne();
    await world.pass(1000);
    await finish(lease.id, [exited(0, 1)]);
    const { job, spec, history } = await world.submitter.show({ id });
    expect(job).toMatchObject({ id, status: "waiting" });
    expect(spec).toMatchObject({ command: ["true"], env: { A: "b" }, retries: 1 });
    expect(history.map(({ what }) => what)).toEqual(["created", "released", "started", "try failed"]);
    expect(history.at(-1)).toMatchObject({ worker: WORKER });
    await expect((await world.as("other", "submitter")).show({ id })).rejects.toMatchObject({ code: "not_found" });
  });

  it("tells which tasks were given back beside those that ran", async () => {
    const id = await createJob(world.submitter, { ...TRUE, retries: 1, array: { count: 2 } });
    const [failing, returned] = [await claimOne(), await claimOne()];
    await world.pass(1000);
    await finish(failing.id, [exited(0, 1)]);
    const end = { kind: "released" as const, reason: "its owner came" };
    await world.worker.finish({ worker: WORKER, items: [{ lease: returned.id, from: 1, results: [], end }] });
    const { history } = await world.submitter.show({ id });
    expect(history.slice(-2)).toMatchObject([
      { what: "try failed", worker: WORKER, detail: "task 0" },
      { what: "given back", worker: WORKER, detail: "task 1" },
    ]);
    expect(history.at(-1)?.at).toBe(history.at(-2)?.at);
  });
});

describe("outputs", () => {
  it("are there with their downloads once the task ended, and not before", async () => {
    const id = await createJob(world.submitter, TRUE);
    await expect(world.submitter.outputs({ id })).rejects.toMatchObject({
      code: "outputs_not_ready",
      details: { status: "available" },
    });
    const { lease, result, output, log } = await runWithOutput();
    const answer = await world.submitter.outputs({ id });
    expect(answer).toMatchObject({ status: "finished", items: [{ index: 0, ended: true, lease: lease.id, result }] });
    expect(Object.keys(answer.grants)).toEqual([blobOf(output).sha256, blobOf(log).sha256]);
    await expect((await world.as("other", "submitter")).outputs({ id })).rejects.toMatchObject({ code: "not_found" });
  });

  it("of an array come by index, by pages, by range and by status", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { start: 100, step: 2, count: 12 } });
    for (let ran = 0; ran < 12; ) {
      const { id: lease, from, upTo } = await claimOne();
      const results = Array.from({ length: upTo - from }, (_, at) =>
        exited(100 + 2 * (from + at), (from + at) % 3 === 0 ? 1 : 0),
      );
      await finish(lease, results, from);
      ran += results.length;
    }
    const indexes = async (query: object) =>
      (await world.submitter.outputs({ id, ...query })).items.map(({ index }) => index);
    expect(await indexes({})).toEqual([100, 102, 104, 106, 108, 110, 112, 114, 116, 118, 120, 122]);
    expect(await indexes({ from: 103, upTo: 109 })).toEqual([104, 106, 108]);
    expect(await indexes({ status: "failed" })).toEqual([100, 106, 112, 118]);
    const first = await world.submitter.outputs({ id, limit: 5 });
    expect(first.items).toHaveLength(5);
    expect(await indexes({ limit: 100, cursor: first.next })).toHaveLength(7);
    for (const span of [{ from: 999 }, { from: 1000, upTo: 1001 }]) {
      await expect(world.submitter.outputs({ id, ...span })).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringContaining("its tasks are "),
      });
    }
    await expect(world.submitter.outputs({ id, cursor: "x" })).rejects.toMatchObject({ code: "bad_request" });
  });

  it("that a worker names without having delivered them are not believed", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const log = { bytes: 10, stdoutBytes: 3, stderrBytes: 0, blob: blobOf(Buffer.from("nowhere")) };
    const answer = await finish(lease.id, [{ ...exited(0), log }]);
    expect(answer.items).toMatchObject([{ accepted: [], lost: [], error: { code: "outputs_missing" } }]);
    expect((await world.submitter.get({ ids: [id] })).items).toMatchObject([{ status: "executing" }]);
  });
});

describe("logs", () => {
  const data = (text: string) => Buffer.from(text).toString("base64");

  it("come live while somebody follows, and whole once the task ended", async () => {
    const id = await createJob(world.submitter, TRUE);
    expect(await world.submitter.logs({ id })).toMatchObject({ index: 0, status: "available", chunks: [] });
    const lease = await claimOne();
    const append = (offset: number, text: string) =>
      world.worker.appendLog({ lease: lease.id, index: 0, offset, data: data(text) });
    expect(await append(0, "one ")).toEqual({ watch: false });
    const following = await world.submitter.logs({ id, follow: "true" });
    expect(following).toMatchObject({ lease: lease.id, try: 1, chunks: [{ offset: 0, data: data("one ") }] });
    const waiting = world.submitter.logs({ id, follow: "true", after: 4, wait: 25_000 });
    expect(await append(4, "two")).toEqual({ watch: true });
    expect((await waiting).chunks).toEqual([{ offset: 4, data: data("two") }]);

    const end = world.submitter.logs({ id, follow: "true", after: 7, wait: 25_000 });
    const log = { bytes: 7, stdoutBytes: 7, stderrBytes: 0, data: data("one two") };
    await finish(lease.id, [{ ...exited(0), log }]);
    expect(await end).toMatchObject({ status: "finished", chunks: [], log });
    await expect(append(7, "late")).rejects.toMatchObject({ code: "lease_lost" });
  });

  it("stop being shipped a minute after the last follower asked", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.submitter.logs({ id, follow: "true" });
    await world.worker.renew({ worker: WORKER, leases: [lease.id] });
    await world.pass(MINUTE + 1);
    const answer = await world.worker.appendLog({ lease: lease.id, index: 0, offset: 0, data: data("x") });
    expect(answer).toEqual({ watch: false });
  });

  it("are followed from the first claim when the submitter said so", async () => {
    for (const spec of [TRUE, { ...TRUE, array: { count: 40 } }]) {
      await world.submitter.create({ jobs: [{ watch: true, spec }] });
      expect(await claimOne()).toMatchObject({ watch: true });
    }
  });

  it("of a task that was cancelled is what its worker still brings, for as long as the job is kept", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const append = (offset: number, text: string, more: { cancelled?: true } = { cancelled: true }) =>
      world.worker.appendLog({ lease: lease.id, index: 0, offset, data: data(text), ...more });
    await append(0, "one ", {});
    await expect(append(0, "early")).rejects.toMatchObject({ code: "lease_lost" });
    await world.submitter.cancel({ ids: [id] });
    expect(await world.submitter.logs({ id })).toMatchObject({
      status: "cancelled",
      lease: lease.id,
      try: 1,
      chunks: [{ data: data("one ") }],
    });
    const waiting = world.submitter.logs({ id, after: 4, wait: 25_000 });
    await expect(append(4, "live", {})).rejects.toMatchObject({ code: "lease_lost" });
    await append(0, "one two");
    expect((await waiting).chunks).toEqual([{ offset: 0, data: data("one two") }]);

    await world.pass(2 * HOUR);
    expect((await world.submitter.logs({ id })).chunks).toEqual([{ offset: 0, data: data("one two") }]);
    expect(await world.submitter.logs({ id, after: 7 })).toMatchObject({ over: true, chunks: [] });
    for (const offset of [5, MAX_CANCELLED_LOG_BYTES])
      await expect(append(offset, "more")).rejects.toMatchObject({ code: "bad_request" });
    expect(await finish(lease.id, [exited(0)])).toMatchObject({ items: [{ accepted: [], lost: [{ from: 0 }] }] });

    await world.submitter.retry({ ids: [id] });
    await expect(append(0, "late")).rejects.toMatchObject({ code: "lease_lost" });
    expect((await world.submitter.logs({ id })).chunks).toEqual([]);
  });

  it("of each try are kept apart, and a long one is downloaded", async () => {
    const id = await createJob(world.submitter, { ...TRUE, retries: 1 });
    const first = await claimOne();
    const log = { bytes: 3, stdoutBytes: 3, stderrBytes: 0, data: data("bad") };
    await finish(first.id, [{ ...exited(0, 1), log }]);
    await world.pass(2000);
    const second = await runWithOutput();
    expect(await world.submitter.logs({ id, try: 1 })).toMatchObject({ lease: first.id, try: 1, log });
    expect(await world.submitter.logs({ id })).toMatchObject({
      lease: second.lease.id,
      try: 2,
      log: { blob: blobOf(second.log) },
      grant: { kind: "one", method: "GET" },
    });
  });

  it("of a task or job that is not there, or another's, are not found", async () => {
    const id = await createJob(world.submitter, TRUE);
    await expect(world.submitter.logs({ id, index: 7 })).rejects.toMatchObject({ code: "not_found" });
    await expect((await world.as("other", "submitter")).logs({ id })).rejects.toMatchObject({ code: "not_found" });
    await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const stranger = await world.as("other", "worker");
    await expect(stranger.appendLog({ lease: lease.id, index: 0, offset: 0, data: "" })).rejects.toMatchObject({
      code: "not_your_lease",
    });
  });
});

describe("explain", () => {
  it("says what is missing, worker by worker", async () => {
    const id = await createJob(world.submitter, { ...TRUE, queue: "public" });
    await world.worker.register({ ...machine(OTHER_WORKER), sandbox: "strict" });
    world.outage(HOUR);
    await world.worker.register({ ...machine(), name: "near" });
    const { workers, reasons } = await world.submitter.explain({ id });
    expect(reasons).toContain("no worker of the account can take it now");
    const byId = Object.fromEntries(workers.map((worker) => [worker.id, worker]));
    expect(byId[WORKER]).toMatchObject({
      name: "near",
      fits: false,
      reasons: ["sandbox strict asked, none there"],
    });
    expect(byId[OTHER_WORKER]).toMatchObject({ fits: false, reasons: ["was not heard of for 60 minutes"] });
    const other = await world.as("other", "submitter");
    await expect(other.explain({ id })).rejects.toMatchObject({ code: "not_found" });
    const own = await createJob(other, TRUE);
    expect((await other.explain({ id: own })).reasons).toContain("account other has no worker: start one");
  });

  it("says so while no worker that fits asks for work: it is busy, away, or its owner wants it to rest", async () => {
    const nobodyAsks = expect.stringContaining("no worker that fits asks for work now");
    expect((await world.worker.claim({ worker: WORKER, leases: 1 })).leases).toEqual([]);
    const id = await createJob(world.submitter, TRUE);
    expect((await world.submitter.explain({ id })).reasons).not.toContainEqual(nobodyAsks);
    world.outage(MINUTE);
    const { reasons, workers } = await world.submitter.explain({ id });
    expect(workers).toMatchObject([{ fits: true }]);
    expect(reasons).toContainEqual(nobodyAsks);
    const open = await createJob(world.submitter, { ...TRUE, queue: "public" });
    expect((await world.submitter.explain({ id: open })).reasons).not.toContainEqual(nobodyAsks);
    const late = await createJob(world.submitter, { ...TRUE, delayMs: HOUR });
    expect((await world.submitter.explain({ id: late })).reasons).not.toContainEqual(nobodyAsks);
  });

  it("names what a job asks for and a worker has not, and no such worker claims it", async () => {
    await world.worker.register({ ...machine(), memoryBytes: 1024 ** 3 });
    const shutIn = await createJob(world.submitter, { ...TRUE, sandbox: "strict" });
    const large = await createJob(world.submitter, { ...TRUE, limits: { memoryBytes: 2 * 1024 ** 3 } });
    const why = async (id: string) => (await world.submitter.explain({ id })).workers[0]?.reasons;
    expect(await why(shutIn)).toEqual(["sandbox strict asked, none there"]);
    expect(await why(large)).toEqual(["memory 2 GiB asked, 1 GiB there"]);
    expect((await world.worker.claim({ worker: WORKER, leases: 2 })).leases).toEqual([]);
    await expect(world.worker.claim({ worker: WORKER, leases: 1, job: shutIn })).rejects.toMatchObject({
      code: "not_available",
      message: expect.stringContaining("sandbox strict asked"),
    });
    await world.worker.register({ ...machine(), sandbox: "strict" });
    const { leases } = await world.worker.claim({ worker: WORKER, leases: 2 });
    expect(leases.map(({ job }) => job)).toEqual([shutIn]);
  });
});
