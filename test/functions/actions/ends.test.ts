import { describe, expect, it } from "vitest";
import type { Lease } from "../../../contract/worker.ts";
import {
  blobOf,
  createJob,
  exited,
  HOUR,
  MINUTE,
  machine,
  SECOND,
  submit,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

const TRUE = { command: ["true"] };
const DAY = 24 * HOUR;
const view = async (id: string) => (await world.submitter.get({ ids: [id] })).items[0];
const codeOf = (item: unknown) => (item as { error?: { code: string } } | undefined)?.error?.code;

async function claim(leases = 1): Promise<Lease[]> {
  return (await world.worker.claim({ worker: WORKER, leases })).leases;
}

/** Runs all that can be claimed now; `exitCode` of each index. */
async function work(exitCode: (index: number) => number = () => 0): Promise<number[]> {
  const ran: number[] = [];
  for (let leases = await claim(8); leases.length > 0; leases = await claim(8)) {
    for (const { id: lease, from, upTo, spec } of leases) {
      const { start = 0, step = 1 } = spec.array ?? {};
      const indexes = Array.from({ length: upTo - from }, (_, at) => start + step * (from + at));
      ran.push(...indexes);
      const results = indexes.map((index) => exited(index, exitCode(index)));
      await world.worker.finish({ worker: WORKER, items: [{ lease, from, results }] });
    }
  }
  return ran.sort((a, b) => a - b);
}

describe("cancel", () => {
  it("ends a job that waits, runs or still uploads, and leaves an ended one alone", async () => {
    const entry = { kind: "file" as const, path: "f", size: 1, sha256: "0".repeat(64), mode: 0o644 };
    const running = await createJob(world.submitter, TRUE);
    await claim();
    const ended = await createJob(world.submitter, TRUE);
    await work();
    const waiting = await createJob(world.submitter, TRUE);
    const early = await createJob(world.submitter, { ...TRUE, inputs: { manifest: { entries: [entry] } } });
    const ids = [waiting, running, early, ended, "j000000000000"];
    const { items } = await world.submitter.cancel({ ids });
    expect(items.map((item) => item["status"] ?? codeOf(item))).toEqual([
      "cancelled",
      "cancelled",
      "cancelled",
      "finished",
      "not_found",
    ]);
    expect(await claim(4)).toEqual([]);
  });

  it("of another round than the present one changes nothing", async () => {
    const id = await createJob(world.submitter, TRUE);
    await world.submitter.cancel({ ids: [id] });
    await world.submitter.retry({ ids: [id] });
    expect((await world.submitter.cancel({ ids: [id], round: 0 })).items).toMatchObject([
      { status: "available", round: 1 },
    ]);
  });

  it("counts a result that came before it and none that comes after", async () => {
    const id = await createJob(world.submitter, TRUE);
    const [lease] = await claim();
    await world.submitter.cancel({ ids: [id] });
    const answer = await world.worker.finish({
      worker: WORKER,
      items: [{ lease: lease?.id ?? "", from: 0, results: [exited(0)] }],
    });
    expect(answer.items).toMatchObject([{ accepted: [], lost: [{ from: 0, upTo: 1 }] }]);
    expect(await view(id)).toMatchObject({ status: "cancelled", tasks: { succeeded: 0, dropped: 1 } });
  });
});

describe("retry", () => {
  it("runs a bad job again in a new round, as often as asked, and never a good one", async () => {
    const id = await createJob(world.submitter, TRUE);
    for (let round = 0; round < 3; round += 1) {
      await work(() => 1);
      expect(await view(id)).toMatchObject({ status: "failed", round });
      expect((await world.submitter.retry({ ids: [id], round })).items).toMatchObject([
        { status: "available", round: round + 1 },
      ]);
      expect((await world.submitter.retry({ ids: [id], round })).items).toMatchObject([{ round: round + 1 }]);
    }
    await work();
    expect((await world.submitter.retry({ ids: [id] })).items).toMatchObject([{ status: "finished", round: 3 }]);
  });

  it("is refused while the job still runs, and for a job that is not one's own", async () => {
    const id = await createJob(world.submitter, TRUE);
    const { items } = await world.submitter.retry({ ids: [id, "nonsense"] });
    expect(items.map(codeOf)).toEqual(["not_ended", "not_found"]);
  });

  it("is refused once the inputs have passed their retention", async () => {
    const content = new TextEncoder().encode("x");
    const entry = { kind: "file" as const, path: "f", mode: 0o644, ...blobOf(content) };
    const { id, grants } = await submit(world.submitter, { ...TRUE, inputs: { manifest: { entries: [entry] } } });
    await world.put(grants[0], content);
    await world.submitter.release({ id });
    await work(() => 1);
    await world.blobs.folder.removePrefix("blob/main/202611/");
    const answer = await world.submitter.retry({ ids: [id] });
    expect(answer.items.map(codeOf)).toEqual(["inputs_gone"]);
  });
});

describe("rm", () => {
  it("removes an ended job with its outputs, and its id runs nothing again for a day", async () => {
    const output = new TextEncoder().encode("out");
    const create = () => world.submitter.create({ jobs: [{ id: "j000000000001", spec: TRUE }] });
    await create();
    const [lease] = await claim();
    const { items } = await world.worker.grants({
      entries: [{ use: "deliver", lease: lease?.id ?? "", index: 0, blob: blobOf(output) }],
    });
    await world.put(items[0], output);
    await work();
    const key = `out/j000000000001/0/${lease?.id}/${blobOf(output).sha256}`;
    expect(await world.blobs.head(key)).toEqual({ size: 3 });
    expect((await world.submitter.rm({ ids: ["j000000000001"] })).items.map(codeOf)).toEqual(["not_ended"]);
    await world.submitter.cancel({ ids: ["j000000000001"] });
    expect((await world.submitter.rm({ ids: ["j000000000001"] })).items).toEqual([{ id: "j000000000001" }]);
    expect((await world.submitter.rm({ ids: ["j000000000001"] })).items).toEqual([{ id: "j000000000001" }]);
    expect(await world.blobs.head(key)).toBeUndefined();
    expect((await world.submitter.get({ ids: ["j000000000001"] })).items).toEqual([
      { id: "j000000000001", missing: true },
    ]);
    expect((await create()).items.map(codeOf)).toEqual(["id_taken"]);
    world.outage(DAY);
    await world.sweep();
    expect((await create()).items).toMatchObject([{ existing: false, status: "available" }]);
  });

  it("of another account's job finds nothing, before and after", async () => {
    const id = await createJob(world.submitter, TRUE);
    await work();
    const stranger = await world.as("other", "submitter");
    expect((await stranger.rm({ ids: [id] })).items.map(codeOf)).toEqual(["not_found"]);
    await world.submitter.rm({ ids: [id] });
    expect((await stranger.rm({ ids: [id] })).items.map(codeOf)).toEqual(["not_found"]);
  });
});

describe("an array", () => {
  it("runs each of its values once, in many leases", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { start: 5, step: 3, count: 100 } });
    const ran = await work();
    expect(ran).toEqual(Array.from({ length: 100 }, (_, at) => 5 + 3 * at));
    expect(await view(id)).toMatchObject({ status: "finished", tasks: { succeeded: 100 }, count: 100 });
  });

  it("with a limit never has more leases than that", async () => {
    await createJob(world.submitter, { ...TRUE, array: { count: 10, limit: 3 } });
    expect(await claim(8)).toHaveLength(3);
    expect(await claim(8)).toHaveLength(0);
  });

  it("takes a finish that repeats what was folded away, and adds to it", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { count: 60, limit: 1 } });
    const finish = async (lease: Lease | undefined, from: number, count: number) => {
      const results = Array.from({ length: count }, (_, at) => exited(from + at));
      const { items } = await world.worker.finish({
        worker: WORKER,
        items: [{ lease: lease?.id ?? "", from, results }],
      });
      return items[0];
    };
    await finish((await claim())[0], 0, 1);
    const [lease] = await claim();
    expect(lease).toMatchObject({ from: 1, upTo: 51 });
    for (let from = 1; from <= 40; from += 1) await finish(lease, from, 1);
    expect(await finish(lease, 1, 42)).toMatchObject({ accepted: [{ from: 1, upTo: 43 }], lost: [] });
    expect(await finish(lease, 1, 42)).toMatchObject({ accepted: [{ from: 1, upTo: 43 }], lost: [] });
    const { items } = await world.submitter.outputs({ id });
    expect(items.map(({ index }) => index)).toEqual(Array.from({ length: 43 }, (_, at) => at));
  });

  it("retries exactly its failed tasks", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { count: 100 } });
    const isBad = (index: number) => index % 7 === 0;
    await work((index) => (isBad(index) ? 1 : 0));
    expect(await view(id)).toMatchObject({ status: "failed", tasks: { succeeded: 85, failed: 15 } });
    await world.submitter.retry({ ids: [id] });
    expect(await view(id)).toMatchObject({ status: "available", tasks: { succeeded: 85, available: 15, failed: 0 } });
    expect(await work()).toEqual(Array.from({ length: 100 }, (_, at) => at).filter(isBad));
    expect(await view(id)).toMatchObject({ status: "finished", tasks: { succeeded: 100, failed: 0 } });
  });

  it("is cancelled whole, and its ended tasks stay ended", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { count: 100 } });
    const [lease] = await claim();
    const { from = 0, upTo = 0 } = lease ?? {};
    const results = Array.from({ length: upTo - from }, (_, at) => exited(from + at));
    await world.worker.finish({ worker: WORKER, items: [{ lease: lease?.id ?? "", from, results }] });
    expect((await world.submitter.cancel({ ids: [id] })).items).toMatchObject([{ status: "cancelled" }]);
    const count = upTo - from;
    expect(await view(id)).toMatchObject({ status: "cancelled", tasks: { succeeded: count, dropped: 100 - count } });
    await world.submitter.retry({ ids: [id] });
    expect(await work()).toHaveLength(100 - count);
    expect(await view(id)).toMatchObject({ status: "finished", tasks: { succeeded: 100 } });
  });

  it("whose release was cut is released by the sweep", async () => {
    const broken = { ...world.world, store: { ...world.store } };
    let commits = 0;
    broken.store.commit = (changes) => {
      commits += 1;
      return commits > 1 ? Promise.reject(new Error("cut")) : world.store.commit(changes);
    };
    const { create } = await import("../../../functions/actions/create.ts");
    const who = { account: "main", role: "submitter" as const, token: "t" };
    const { createRequest } = await import("../../../contract/job-requests.ts");
    const request = createRequest.parse({ jobs: [{ id: "j000000000001", spec: { ...TRUE, array: { count: 400 } } }] });
    const call = { world: broken, who, gone: () => new AbortController().signal, mayClaim: true };
    await expect(create(call, request)).rejects.toThrow("cut");
    expect(await claim()).toEqual([]);
    await world.pass(MINUTE);
    expect(await work()).toHaveLength(400);
    expect(await view("j000000000001")).toMatchObject({ status: "finished" });
  });

  it("is removed with all its slices", async () => {
    const id = await createJob(world.submitter, { ...TRUE, array: { count: 400 } });
    await work();
    await world.submitter.rm({ ids: [id] });
    const slices = Array.from({ length: 25 }, (_, number) => `${id}.${number}`);
    expect((await world.store.get("slice", slices)).every((slice) => slice === undefined)).toBe(true);
  });
});

describe("a timer", () => {
  it("holds a delayed job back", async () => {
    const id = await createJob(world.submitter, { ...TRUE, delayMs: HOUR });
    expect(await view(id)).toMatchObject({ status: "waiting", reason: expect.stringContaining("delayed until") });
    await world.pass(50 * MINUTE);
    expect(await claim()).toEqual([]);
    await world.pass(11 * MINUTE);
    expect(await claim()).toMatchObject([{ job: id }]);
  });

  it("wakes a worker that waits for a delayed job", async () => {
    await createJob(world.submitter, { ...TRUE, delayMs: 10 * SECOND });
    const waiting = world.worker.claim({ worker: WORKER, leases: 1, wait: 25_000 });
    await world.pass(20 * SECOND);
    expect((await waiting).leases).toHaveLength(1);
  });

  it("gives up a job that waited too long, and none that runs", async () => {
    const running = await createJob(world.submitter, { ...TRUE, expiresMs: MINUTE });
    const [lease] = await claim();
    const waiting = await createJob(world.submitter, { ...TRUE, expiresMs: MINUTE });
    await world.pass(50 * SECOND);
    await world.worker.renew({ worker: WORKER, leases: [lease?.id ?? ""] });
    await world.pass(20 * SECOND);
    expect(await view(waiting)).toMatchObject({ status: "expired" });
    expect(await view(running)).toMatchObject({ status: "executing" });
    await world.submitter.retry({ ids: [waiting] });
    await world.pass(HOUR);
    expect(await view(waiting)).toMatchObject({ status: "available" });
  });

  it("removes a job once its retention has passed", async () => {
    const id = await createJob(world.submitter, { ...TRUE, keepMs: DAY });
    const array = await createJob(world.submitter, { ...TRUE, keepMs: DAY, array: { count: 40 } });
    await work();
    world.outage(DAY - MINUTE);
    await world.sweep();
    expect(await view(id)).toMatchObject({ status: "finished" });
    world.outage(2 * MINUTE);
    await world.sweep();
    expect((await world.submitter.get({ ids: [id, array] })).items).toMatchObject([
      { missing: true },
      { missing: true },
    ]);
  });
});
